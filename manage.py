#!/usr/bin/env python
"""Acton Hub's command line. `manage.py help` lists the commands; `make help` the usual tasks."""

import os
import sys


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  a Python that is too old gets one line, not a traceback
        sys.exit("Acton Hub needs Python 3.11 or newer; this is %s.%s." % sys.version_info[:2])  # noqa: UP031
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "acton_hub.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
