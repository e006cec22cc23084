"""`/instances/{id}/configuration`: an instance's configuration, a row a key (CONTRACT §3).

A row's id is the place of its key in the catalogue; further keys follow behind 1000, in the order of their names.
"""

import json
from typing import Any

from django.http import HttpResponse
from pydantic import BaseModel, ConfigDict, Field

from api.answers import ConfigurationRowAnswer
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer
from api.instances import find
from api.operations import operation
from elements import catalogue
from instances.configuration import MASK, masked
from instances.models import Instance
from polling import provisioning
from polling.provisioning import Grant

KNOWN = {row.key: number for number, row in enumerate(catalogue.CONFIGURATION, start=1)}
FURTHER = 1000  # ids of keys that the catalogue does not know begin behind it


class RowChange(BaseModel):
    model_config = ConfigDict(strict=True, populate_by_name=True)

    value: str | bool | int | float | dict[str, Any] | list[Any] | None = Field(alias="propertyValue")


def rows(instance: Instance) -> list[ConfigurationRowAnswer]:
    """Every key that has a value, those of the catalogue first."""
    values = masked(instance)
    further = sorted(key for key in values if key not in KNOWN)
    ids = {key: number for key, number in KNOWN.items() if key in values}
    ids |= {key: FURTHER + number for number, key in enumerate(further, start=1)}
    return [_row(instance, key, number, values[key]) for key, number in ids.items()]


def _row(instance: Instance, key: str, number: int, value: Any) -> ConfigurationRowAnswer:
    told = catalogue.CONFIGURATION[number - 1] if number < FURTHER else None
    return {
        "id": number,
        "key": key,
        "name": told.name if told else key,
        "propertyValue": value if isinstance(value, str) or value is None else json.dumps(value),
        "required": told.required if told else False,
        "elementInstanceId": instance.pk,
    }


def _find(instance: Instance, row_id: int) -> ConfigurationRowAnswer:
    """The row with that id; a key of the catalogue's that has no value yet has a row, too, so that it can get one."""
    for row in rows(instance):
        if row["id"] == row_id:
            return row
    if 1 <= row_id <= len(catalogue.CONFIGURATION):
        return _row(instance, catalogue.CONFIGURATION[row_id - 1].key, row_id, None)
    raise ApiError(404, f"There is no row {row_id} in the configuration of instance {instance.pk}.")


@operation("The configuration of an instance, a row a key", answer=list[ConfigurationRowAnswer])
def read_all(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    return answer(rows(find(request, instance_id)))


@operation("One row of an instance's configuration", answer=ConfigurationRowAnswer)
def read(request: ApiRequest, row_id: int, instance_id: int | None = None) -> HttpResponse:
    return answer(_find(find(request, instance_id), row_id))


@operation("Change one key of an instance's configuration", body=RowChange, answer=ConfigurationRowAnswer)
def change(request: ApiRequest, body: RowChange, row_id: int, instance_id: int | None = None) -> HttpResponse:
    """A key that is changed goes through the same rules as the whole. Another API key or secret needs a code: PATCH."""
    instance = find(request, instance_id)
    row = _find(instance, row_id)
    key = row["key"]
    if body.value == MASK == row["propertyValue"]:
        return answer(row)  # a secret that is sent back as it was shown stays what it is
    if key in ("oauth.api.key", "oauth.api.secret"):
        raise ApiError(400, f"{key}: can only be changed together with providerData.code, by PATCH /instances.")
    raw = {key: body.value}
    provisioning.update(instance, name=None, tags=None, raw=raw, merge=True, grant=Grant())
    changed = find(request, instance.pk)
    return answer(_row(changed, key, row_id, masked(changed).get(key)))
