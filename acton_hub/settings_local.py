"""What `make run` switches on: the sandbox, and callbacks to this machine. The environment and `.env` win."""

import os

from acton_hub import environment

environment.read_dotenv()
os.environ.setdefault("SANDBOX_ENABLED", "true")
os.environ.setdefault("OUTBOUND_ALLOW_PRIVATE", "127.0.0.0/8,::1/128")

from acton_hub.settings import *  # noqa: E402, F403
