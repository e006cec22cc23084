"""Django settings. What an operator can set is read in `acton_hub.environment` and told in `.env.example`."""

from datetime import timedelta
from typing import Any

from acton_hub import environment as e

e.read_dotenv()

BASE_DIR = e.BASE_DIR
DATA_DIR = e.read("DATA_DIR", e.data_directory, None) or e.data_directory("var")
HOST = e.read("HOST", e.text, "127.0.0.1")
PORT = e.read("PORT", e.whole_number(1, 65535), 8000)
# The address on which this machine's own processes reach the web server, whatever it listens on.
LOCAL_HOST = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(HOST, f"[{HOST}]" if ":" in HOST else HOST)  # noqa: S104
LOCAL_URL = f"http://{LOCAL_HOST}:{PORT}"
PUBLIC_URL = e.read("PUBLIC_URL", e.http_url, LOCAL_URL)
# Where others reach the hub nothing is made up: a folder that was lost would silently become another hub.
IN_PRODUCTION = PUBLIC_URL.startswith("https://")
SECRET_KEY = e.secret_key(DATA_DIR, make=not IN_PRODUCTION)
ENCRYPTION_KEYS = e.encryption_keys(DATA_DIR, make=not IN_PRODUCTION)

SANDBOX_ENABLED = e.read("SANDBOX_ENABLED", e.boolean, False)
SANDBOX_API_URL = f"{LOCAL_URL}/sandbox"
SANDBOX_AUTHORIZE_URL = f"{PUBLIC_URL}/sandbox/authorize"
ACTON_US_URL = "https://api.actonsoftware.com"
ACTON_EUROPE_URL = "https://api-eu.actonsoftware.com"
ACTON_OLDER_URL = "https://restapi.actonsoftware.com"
# The host of instances that name none: an address, or the word "sandbox" for the built-in one.
ACTON_API_URL = e.read("ACTON_API_URL", e.http_url, "sandbox" if SANDBOX_ENABLED else ACTON_US_URL)
ACTON_API_HOSTS: list[str] = e.read("ACTON_API_HOSTS", e.http_urls, [])
ACTON_DATE_UNIT = e.read("ACTON_DATE_UNIT", e.one_of("ms", "s"), "ms")
OUTBOUND_ALLOW_PRIVATE: list[e.Network] = e.read("OUTBOUND_ALLOW_PRIVATE", e.networks, [])
# Who may read `/metrics`: from these networks, or with that token as Bearer.
METRICS_ALLOW: list[e.Network] = e.read("METRICS_ALLOW", e.networks, e.networks("127.0.0.0/8,::1/128"))
METRICS_TOKEN = e.read("METRICS_TOKEN", e.text, "", secret=True)
METRICS_BY_INSTANCE = e.read("METRICS_BY_INSTANCE", e.boolean, False)
# Whom the hub tells itself when something needs a person.
ALERT_EMAIL: list[str] = e.read("ALERT_EMAIL", e.email_addresses, [])
ALERT_FROM = e.read("ALERT_FROM", e.email_address, f"acton-hub@{e.host_name(PUBLIC_URL)}")
ALERT_WEBHOOK_URL = e.read("ALERT_WEBHOOK_URL", e.webhook_url, "", secret=True)
_MAIL: dict[str, Any] = e.read("EMAIL_URL", e.email_url, {}, secret=True)
EMAIL_BACKEND = _MAIL.get("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _MAIL.get("EMAIL_HOST") or "127.0.0.1", _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_USER") or "", _MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 15
MASKED_FIELDS: list[str] = e.read("MASKED_FIELDS", e.names, [])
EVENT_RETENTION_DAYS = e.read("EVENT_RETENTION_DAYS", e.whole_number(1, 3650), 7)
POLL_OVERLAP_SECONDS = e.read("POLL_OVERLAP_SECONDS", e.whole_number(0, 86400), 60)
BOOTSTRAP_ADMIN_EMAIL = e.read("BOOTSTRAP_ADMIN_EMAIL", e.email_address, "admin@localhost")
BOOTSTRAP_ADMIN_PASSWORD = e.read("BOOTSTRAP_ADMIN_PASSWORD", e.text, "")
BOOTSTRAP_USER_SECRET = e.read("BOOTSTRAP_USER_SECRET", e.text, "")
BOOTSTRAP_ORGANIZATION_SECRET = e.read("BOOTSTRAP_ORGANIZATION_SECRET", e.text, "")

DEBUG = False
ALLOWED_HOSTS = ["*"]  # nothing is built from the Host header: links and callbacks use PUBLIC_URL
ROOT_URLCONF = "acton_hub.urls"
WSGI_APPLICATION = "acton_hub.wsgi.application"
INSTALLED_APPS = [
    "acton_hub",
    "accounts",
    "elements",
    "instances",
    "events",
    "polling",
    "alerts",
    "api",
    "console",
    "processes",
    *(["sandbox"] if SANDBOX_ENABLED else []),
    "django_q",
    "axes",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "acton_hub.request_times.middleware",
    "acton_hub.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "acton_hub.middleware.pages_only_frame_options",
    "acton_hub.middleware.any_origin_for_the_api",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.hub",
            ]
        },
    }
]

_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
# A machine that vanished says nothing, and its connections would be waited on for a quarter of an hour.
_POSTGRESQL_OPTIONS = {
    "connect_timeout": 10,  # s, as the keepalives'
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / name,
        "OPTIONS": _SQLITE_OPTIONS,
        "CONN_MAX_AGE": None,
    }


DATABASES: dict[str, dict[str, Any]] = {
    "default": e.read("DATABASE_URL", e.database_url, {}, secret=True) or _sqlite("hub.sqlite3")
}
ON_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if ON_SQLITE:
    DATABASES["default"] = _sqlite("hub.sqlite3") | {"NAME": DATABASES["default"]["NAME"]}
    DATABASES["queue"] = _sqlite("queue.sqlite3")  # apart, so that the queue's writes never wait for the hub's
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    DATABASES["default"]["OPTIONS"] = _POSTGRESQL_OPTIONS | DATABASES["default"].get("OPTIONS", {})
if SANDBOX_ENABLED:
    DATABASES["sandbox"] = _sqlite("sandbox.sqlite3")
DATABASE_ROUTERS = ["acton_hub.routers.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = e.read("REDIS_URL", e.redis_url, "", secret=True)
Q_CLUSTER: dict[str, Any] = {
    "name": "acton-hub",
    "broker_class": "acton_hub.queue.RedisQueue" if REDIS_URL else "acton_hub.queue.DatabaseQueue",
    "orm": "queue" if ON_SQLITE else "default",
    "redis": REDIS_URL or {},
    "workers": e.read("WORKER_PROCESSES", e.whole_number(1, 32), 4),
    # A task is never repeated by the queue: what is due stands in our tables, under leases of our own.
    "timeout": 120,
    "retry": 180,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "poll": 0.1,
    "recycle": 5000,
    "queue_limit": 2,  # what waits inside the cluster cannot be told apart any more; the queue outside can
}

AUTH_USER_MODEL = "accounts.User"
# The first one refuses whoever failed too often, and never says yes.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10  # in a row, of one account or from one address
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_RESET_ON_SUCCESS = False  # would forgive the whole address: see accounts.log_in.forgive
AXES_CLIENT_IP_CALLABLE = "accounts.audit.address_of"
AXES_LOCKOUT_CALLABLE = "acton_hub.errors.locked_out"
AXES_USERNAME_CALLABLE = "accounts.log_in.name_of"
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_SENSITIVE_PARAMETERS = ["username", "code"]
LOGIN_URL = "/console/login"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = "/console/login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Two hubs may run on one machine, and browsers do not tell ports apart.
SESSION_COOKIE_NAME = f"acton_hub_session_{PORT}"
CSRF_COOKIE_NAME = f"acton_hub_csrf_{PORT}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IN_PRODUCTION
# Behind a proxy that ends TLS: what it says of scheme and sender is believed.
BEHIND_PROXY = e.read("BEHIND_PROXY", e.boolean, False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if IN_PRODUCTION else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # frame options: set by acton_hub.middleware, on pages only (CONTRACT §1)
    "security.W005",  # other names below this one are not ours to decide on
    "security.W008",  # the API never redirects; see docs/deployment.md
    "security.W021",  # nor is a browser's preload list
]
SECURE_REFERRER_POLICY = "same-origin"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "acton_hub.errors.csrf_failure"

APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOG_FORMAT = e.read("LOG_FORMAT", e.one_of("line", "json"), "line")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "acton_hub.log.Lines", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "acton_hub.log.JSONLines"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django-q": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
        "axes": {"level": "ERROR"},  # the audit log has it
        "requests_hardened": {"level": "ERROR"},
        # Every refused request has its own line with its request id, see acton_hub.errors.
        "django.request": {"level": "CRITICAL"},
    },
}
