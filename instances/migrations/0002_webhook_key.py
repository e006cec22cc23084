from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import acton_hub.encryption
import instances.models


def make_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Each instance its own: a new column's default is made up once for all rows."""
    for instance in apps.get_model("instances", "Instance").objects.only("pk").iterator():
        instance.webhook_key = instances.models.new_webhook_key()
        instance.save(update_fields=["webhook_key"])


class Migration(migrations.Migration):
    dependencies = [("instances", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="webhook_key",
            field=acton_hub.encryption.EncryptedTextField(default=instances.models.new_webhook_key),
        ),
        migrations.RunPython(make_keys, migrations.RunPython.noop),
    ]
