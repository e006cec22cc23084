"""The hub as `make run` starts it, with a bare view beside it to be compared with."""

from acton_hub.settings_local import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
