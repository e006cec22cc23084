from urllib.parse import urlsplit

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_hosts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("events", "Subscription").objects.select_related("instance").iterator():
        url = row.url or (row.instance.configuration.get("event.notification.callback.url", "") if row.instance else "")
        row.host = urlsplit(str(url)).netloc.lower()
        row.save(update_fields=["host"])


class Migration(migrations.Migration):
    dependencies = [("events", "0005_inbound"), ("instances", "0002_webhook_key")]

    operations = [
        migrations.AddField("subscription", "host", models.CharField(max_length=300, blank=True, db_index=True, default="")),
        migrations.AddField("subscription", "timed_out", models.BooleanField(default=False)),
        migrations.AddField("subscription", "not_before", models.DateTimeField(null=True, blank=True)),
        migrations.RunPython(name_hosts, migrations.RunPython.noop),
    ]
