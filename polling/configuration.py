"""A poller's configuration, one entry a resource, read in one place (CONTRACT §4)."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from acton_hub import incoming
from elements.acton.default_poller import DEFAULT
from elements.acton.resources import MOST_A_PAGE
from elements.acton.sources import source_of
from instances.configuration import ConfigurationError, path_of
from polling import dates, templates
from polling.zones import zone_of

KEY = "event.poller.configuration"
MOST_RESOURCES = 50  # of one instance
Path = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

Zone = Annotated[str, StringConstraints(max_length=100)]


class Dates(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True, strict=True)

    updated_field: Path | None = Field(None, alias="updatedDateField")
    updated_format: str = Field("milliseconds", alias="updatedDateFormat")
    updated_zone: Zone = Field("", alias="updatedDateTimezone")
    created_field: Path | None = Field(None, alias="createdDateField")
    created_format: str = Field("milliseconds", alias="createdDateFormat")
    created_zone: Zone = Field("", alias="createdDateTimezone")

    @field_validator("updated_format", "created_format")
    @classmethod
    def known_format(cls, value: str) -> str:
        dates.check_format(value)
        return value

    @field_validator("updated_zone", "created_zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        zone_of(value)
        return value


ListId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Lists(BaseModel):
    """Which lists a poller of every list covers; a list that is named in both is left out."""

    model_config = ConfigDict(strict=True, extra="forbid")

    include: Annotated[list[ListId], Field(max_length=10_000)] | None = None
    exclude: Annotated[list[ListId], Field(max_length=10_000)] = []

    def covers(self, list_id: str) -> bool:
        return (self.include is None or list_id in self.include) and list_id not in self.exclude


class PollerConfiguration(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True, strict=True)

    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    id_field: Path = Field(alias="idField")
    dates: Dates = Field(default_factory=lambda: Dates.model_validate({}), alias="datesConfiguration")
    filter_by_updated_date: bool = Field(True, alias="filterByUpdatedDate")
    filter_by_current_date: bool = Field(False, alias="filterByCurrentDate")
    created_check_tolerance: int = Field(0, alias="createdCheckTolerance", ge=0, le=86_400)
    poll_delay: int = Field(0, alias="pollDelay", ge=0, le=86_400)
    page_size: int | None = Field(None, alias="pageSize", ge=1, le=MOST_A_PAGE)
    lists: Lists = Lists()
    detect_deletes: bool = Field(False, alias="detectDeletes")
    delete_sweep_interval: int = Field(1440, alias="deleteSweepInterval", ge=60, le=525_600)  # minutes

    @field_validator("url")
    @classmethod
    def can_be_polled(cls, value: str) -> str:
        for template in templates.unknown(value):
            raise ValueError(f"unknown template {template}")
        source_of(templates.fill(value, 0))
        return value

    @model_validator(mode="after")
    def deletes_of_contacts(self) -> Self:
        if self.detect_deletes and not source_of(templates.fill(self.url, 0)).collection.is_contacts:
            raise ValueError("detectDeletes: is possible for the contacts of lists only")
        return self


def parse(raw: Any) -> dict[str, dict[str, Any]]:
    """The configuration of each resource as it was given, once it is known to be good.

    `raw` is the object or the same as JSON text; None means the default. Raises ConfigurationError that names
    the key path, also where no resource is left.
    """
    if raw is None:
        return {name: dict(entry) for name, entry in DEFAULT.items()}
    if isinstance(raw, str):
        try:
            raw = incoming.loads(raw)
        except ValueError as error:
            raise ConfigurationError(KEY, f"is not valid JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigurationError(KEY, "must be an object with one entry a resource")
    if not raw:
        raise ConfigurationError(KEY, "select at least one resource")
    if len(raw) > MOST_RESOURCES:
        raise ConfigurationError(KEY, f"must not name more than {MOST_RESOURCES} resources")
    for resource, entry in raw.items():
        if not resource.strip() or len(resource) > 200:
            raise ConfigurationError(KEY, f"{resource!r} is not a usable name of a resource")
        load(entry, KEY, resource)
    return raw


def load(entry: Any, *path: str) -> PollerConfiguration:
    """One resource's entry. Raises ConfigurationError with `path` and the key at fault."""
    try:
        return PollerConfiguration.model_validate(entry)
    except ValidationError as error:
        raise _problems(error, path)[0] from None


def problems(entry: Any, *path: str) -> list[ConfigurationError]:
    """All that `load` would say one after the other."""
    try:
        PollerConfiguration.model_validate(entry)
    except ValidationError as error:
        return _problems(error, path)
    return []


def _problems(error: ValidationError, path: tuple[str, ...]) -> list[ConfigurationError]:
    return [
        ConfigurationError(path_of(*path, *each["loc"]), each["msg"].removeprefix("Value error, "))
        for each in error.errors()
    ]
