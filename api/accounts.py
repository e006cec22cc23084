"""`/accounts/settings`: what an account decides for all of its instances (CONTRACT §6)."""

from typing import Any

from django.http import HttpResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from accounts.models import Organization, Role
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer
from api.operations import operation

POLICY = "notification.webhook.failure.policy"


class SettingsBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    policy: str | None = Field(None, alias="notification.webhook.failure.policy")

    @field_validator("policy")
    @classmethod
    def known_policy(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if value.lower() not in Organization.FailurePolicy.values:
            raise ValueError(f"must be one of {', '.join(Organization.FailurePolicy.values)}")
        return value.lower()


def _organization(request: ApiRequest, account_id: int | None) -> Organization:
    """Raises ApiError (403) for an account that is not the caller's."""
    if account_id is not None and account_id != request.organization.pk:
        raise ApiError(403, "This account is not yours.")
    return request.organization


def _shown(organization: Organization) -> dict[str, Any]:
    return {POLICY: organization.failure_policy}


@operation("The settings of an account", answer=dict[str, str])
def read(request: ApiRequest, account_id: int | None = None) -> HttpResponse:
    return answer(_shown(_organization(request, account_id)))


@operation("Change the settings of an account", body=SettingsBody, answer=dict[str, str], needs=Role.ADMIN)
def change(request: ApiRequest, body: SettingsBody, account_id: int | None = None) -> HttpResponse:
    organization = _organization(request, account_id)
    if body.policy is not None:
        organization.failure_policy = body.policy
        organization.save(update_fields=["failure_policy"])
        request.audit_target = f"{POLICY}: {body.policy}"
    return answer(_shown(organization))
