"""What the API answers, as types: the code is checked against them, and the OpenAPI document is made of them."""

from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from elements.catalogue import ElementSummary


class ElementAnswer(ElementSummary):
    """CONTRACT §2. `configuration` has a row for every key that the hub reads."""

    description: str
    active: bool
    deleted: bool
    private: bool
    trialAccount: bool
    typeOauth: bool
    authentication: dict[str, str]
    configuration: list[dict[str, Any]]


class ConfigurationRowsAnswer(TypedDict):
    configuration: list[dict[str, Any]]


class EventsMetadata(TypedDict):
    supported: bool
    methods: list[str]
    polling: dict[str, Any]


class MetadataAnswer(ElementSummary):
    description: str
    events: EventsMetadata
    resources: list[str]


class ConfigurationRowAnswer(TypedDict):
    """One key of an instance; secrets are masked."""

    id: int
    key: str
    name: str
    propertyValue: str | None
    required: bool
    elementInstanceId: int


class UserSummary(TypedDict):
    id: int
    emailAddress: str
    firstName: str
    lastName: str


class InstanceAnswer(TypedDict):
    """CONTRACT §3. `state` and `problem` are beyond the platform."""

    id: int
    name: str
    createdDate: str
    token: str
    element: ElementSummary
    elementId: int
    tags: list[str]
    provisionInteractions: list[Any]
    valid: bool
    disabled: bool
    maxCacheSize: int
    cacheTimeToLive: int
    configuration: dict[str, Any]
    eventsEnabled: bool
    traceLoggingEnabled: bool
    cachingEnabled: bool
    externalAuthentication: str
    user: UserSummary
    state: str
    problem: NotRequired[str]


class EventAnswer(TypedDict):
    """CONTRACT §5. `notifiedData` holds what was sent, once it was accepted."""

    id: str
    instanceId: int
    objectType: str
    eventDate: str
    status: str
    providerData: str
    notifiedData: list[str]


class PollQueuedAnswer(TypedDict):
    pollId: int
    resource: str
    status: str


# CONTRACT §9; `from` is no name of Python's.
PollAnswer = TypedDict(
    "PollAnswer",
    {
        "id": int,
        "resource": str,
        "trigger": str,
        "status": str,
        "startedAt": str | None,
        "finishedAt": str | None,
        "from": str | None,
        "to": str | None,
        "requests": int,
        "recordsRead": int,
        "eventsCreated": int,
        "recordsSkipped": int,
        "repeated": int,
        "error": str | None,
    },
)


class OauthUrlAnswer(TypedDict):
    element: str
    oauthUrl: str


class ErrorAnswer(TypedDict):
    requestId: str
    message: str
    providerMessage: NotRequired[str]
