import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from accounts.bootstrap import Bootstrapped
from acton_hub.kernel import die_with_parent, name_process
from processes import children, preloading, start, supervision, web


class Command(BaseCommand):
    help = "Prepare the database, run the web server and the worker, and keep both alive until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--with-parent", action="store_true", help="stop when the process that called it ends")

    def handle(self, *args: Any, **options: Any) -> None:
        children.take_signals()
        name_process("hub-start")
        if options["with_parent"]:
            die_with_parent(os.getppid(), children.STOP)
        listener = web.listen(settings.HOST, settings.PORT)
        preloading.load_views()
        preloading.load_tasks()
        bootstrapped = start.prepared()
        connections.close_all()  # before anything is forked
        running = start.members(listener)
        for child in running:
            child.start()
        try:
            self.report(start.wait_until_healthy(running), bootstrapped)
            supervision.watch(running)
        except start.Stopped:
            pass
        except start.Failed:
            sys.exit(1)
        finally:
            listener.close()
            supervision.stop(running, start.STOP_WITHIN_S)

    def report(self, reasons: list[str], bootstrapped: Bootstrapped) -> None:
        for reason in reasons:
            self.stderr.write(f"Not healthy yet: {reason}")
        for line in banner(bootstrapped):
            self.stdout.write(line)
        self.stdout.flush()


def banner(bootstrapped: Bootstrapped) -> list[str]:
    """What to do next. Secrets stand here only when they were made up just now."""
    secrets = {
        "Console password": bootstrapped.admin_password,
        "User secret": bootstrapped.user_secret,
        "Organization secret": bootstrapped.organization_secret,
    }
    made_up = [f"  {name + ':':<21}{secret}" for name, secret in secrets.items() if secret]
    lines = [
        "",
        f"  Acton Hub:           {settings.PUBLIC_URL}/console/",
        f"  Sign in as:          {bootstrapped.admin_email}",
    ]
    lines += [*made_up, "  Shown this once; `manage.py credentials` shows the secrets again."] if made_up else []
    if settings.SANDBOX_ENABLED:
        lines.append(f"  Sandbox (Act-On):    {settings.PUBLIC_URL}/sandbox/")
    return [
        *lines,
        "",
        f"  Is it well?          curl {settings.PUBLIC_URL}/healthz",
        '  Next:                "Your first event in a minute" in README.md. Ctrl-C stops the hub.',
        "",
    ]
