from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Log-ins are told by signals."""
        from accounts import audit, log_in  # noqa: F401
