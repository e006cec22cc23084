"""What is polled where an instance names nothing: the contacts of every list (CONTRACT §3)."""

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
