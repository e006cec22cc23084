"""The admin of organizations and users, and what the admin pages of all apps share: secrets stay hidden."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import AuditEntry, FormerSecret, HasSecret, Organization, TwoFactor, User
from acton_hub import masking
from acton_hub.encryption import EncryptedTextField

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = BaseUserCreationForm[User]
    ChangeForm = UserChangeForm[User]
    BaseUserAdmin = DjangoUserAdmin[User]
else:  # Django's classes take type parameters only in their stubs
    ModelAdmin, ModelForm, ChangeForm, BaseUserAdmin = (
        admin.ModelAdmin,
        BaseUserCreationForm,
        UserChangeForm,
        DjangoUserAdmin,
    )


def shown_fields(model: type[Model]) -> list[str]:
    """The fields of a model that a page may show: not those that are encrypted, nor the hashes they are found by."""
    return [
        field.name
        for field in model._meta.concrete_fields
        if not isinstance(field, EncryptedTextField) and not field.name.endswith(("_hash", "_hashes"))
    ]


def _masked(name: str) -> Callable[[Model], str]:
    """The field of that name as a column of its own, masked."""

    @admin.display(description=name.replace("_", " "))
    def shown(row: Model) -> str:
        return masking.in_json(str(getattr(row, name)))

    shown.__name__ = name
    return shown


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the hub itself writes: to be looked at, newest first, never to be changed by hand."""

    ordering = ["-pk"]
    show_full_result_count = False  # a second count of a large table
    list_per_page = 50

    holds_records: Sequence[str] = ()  # the fields whose texts may hold a contact's: shown masked (MASKED_FIELDS)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = [_masked(name) if name in self.holds_records else name for name in shown_fields(self.model)]
        return [*shown, *self.readonly_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MaskedSecret:
    """Made up where a row is new (`manage.py credentials` shows it); a page says no more than that there is one."""

    @admin.display(description="secret")
    def masked_secret(self, obj: HasSecret) -> str:
        return "********"


@admin.register(Organization)
class OrganizationAdmin(MaskedSecret, ModelAdmin):
    list_display = ["name", "created_at"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["name", "masked_secret", "created_at"]
    readonly_fields = ["masked_secret", "created_at"]

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        if not change:
            obj.set_secret()
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # everything it owns would go with it


class NewUserForm(ModelForm):
    class Meta:
        model = User
        fields = ("email",)
        field_classes = {"email": forms.EmailField}


class UserForm(ChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes = {"email": forms.EmailField}


@admin.register(User)
class UserAdmin(MaskedSecret, BaseUserAdmin):
    """People log in by e-mail address."""

    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "first_name", "last_name", "organization", "role", "is_active", "is_staff", "created_at"]
    list_filter = ["role", "is_active", "is_staff", "is_superuser", "organization"]
    list_select_related = ["organization"]
    search_fields = ["email", "first_name", "last_name", "organization__name"]
    ordering = ["email"]
    raw_id_fields = ["organization"]
    readonly_fields = ["masked_secret", "last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "password", "organization", "role", "masked_secret"]}),
        ("Name", {"fields": ["first_name", "last_name"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "organization", "role", "password1", "password2"]})]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_secret()
        super().save_model(request, obj, form, change)


@admin.register(FormerSecret)
class FormerSecretAdmin(ReadOnlyAdmin):
    list_display = ["user", "organization", "expires_at"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__email", "organization__name"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "who", "organization", "address", "action", "target"]
    list_select_related = ["organization"]
    search_fields = ["who", "action", "target"]


@admin.register(TwoFactor)
class TwoFactorAdmin(ReadOnlyAdmin):
    list_display = ["user", "confirmed_at"]
    search_fields = ["user__email"]
