"""Request bodies as pydantic models; their error locations become the key paths of our messages."""

from typing import Annotated, Any

from django.utils.html import strip_tags
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from elements import catalogue

MOST_WITH_HTML = 5000  # characters; what is longer is too long without its tags, too


def _without_html(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MOST_WITH_HTML:
        return value
    return strip_tags(value).replace("\0", "").strip() if isinstance(value, str) else value


def storable(value: str) -> str:
    """Raises ValueError for a text that PostgreSQL does not store."""
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_without_html)]
Tag = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_without_html)]
Tags = Annotated[list[Tag], BeforeValidator(_as_list), Field(max_length=100)]


class ElementReference(BaseModel):
    model_config = ConfigDict(strict=True)

    key: str | None = None
    id: int | None = None

    def is_known(self) -> bool:
        return self.key == catalogue.KEY or (self.key is None and self.id == catalogue.ELEMENT_ID)


class ProviderData(BaseModel):
    model_config = ConfigDict(strict=True)

    code: str = Field("", max_length=2000)


class InstanceChange(BaseModel):
    """PUT and PATCH of an instance: every part may be missing."""

    model_config = ConfigDict(strict=True, populate_by_name=True)

    name: Name | None = None
    tags: Tags | None = None
    configuration: dict[str, Any] | None = None
    provider_data: ProviderData | None = Field(None, alias="providerData")
    external_authentication: str | None = Field(None, alias="externalAuthentication")


class InstanceBody(InstanceChange):
    """POST of an instance."""

    element: ElementReference | None = None
    configuration: dict[str, Any]
