"""What detection hands to recording. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NewChange:
    """One change that was not stored before."""

    object_id: str
    version: str
    event_type: str
    sequence: int
    occurred_ms: int | None
    record: str  # JSON text
    previous: str  # JSON text of the fields that changed, as they were
    seen_version: str = ""  # what is remembered as its version, where that is another one


@dataclass(frozen=True)
class Remembered:
    """What is known of an object from before."""

    version: str
    record: str  # empty: it is known by its id alone
    sequence: int
    deleted: bool = False
