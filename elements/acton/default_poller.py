"""What is polled where an instance names nothing: the contacts of every list (CONTRACT §3); and what else may be."""

from typing import Any

DEFAULT: dict[str, dict[str, Any]] = {
    "contacts": {
        "url": "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
        "idField": "_contact_id_",
        "datesConfiguration": {
            "updatedDateField": "__modified_date",
            "updatedDateFormat": "milliseconds",
            "createdDateField": "__created_date",
            "createdDateFormat": "milliseconds",
        },
    }
}

# What a form offers beside it. Without a date of its own, a record is told as changed when anything in it is another.
OFFERED: dict[str, dict[str, Any]] = {
    "lists": {
        "url": "/hubs/marketing/lists",
        "idField": "id",
        "datesConfiguration": {"updatedDateField": "tsLastModified", "updatedDateFormat": "milliseconds"},
    },
    "campaigns": {"url": "/hubs/marketing/campaigns", "idField": "id"},
    "forms": {"url": "/hubs/marketing/forms", "idField": "id"},
    "pages": {"url": "/hubs/marketing/pages", "idField": "id"},
    "programs": {"url": "/hubs/marketing/programs", "idField": "id"},
}
