"""What a WSGI server calls; `manage.py web` does."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "acton_hub.settings")
application = get_wsgi_application()
