import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep_rights(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Before there were roles, every user could do everything."""
    apps.get_model("accounts", "User").objects.update(role="admin")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_failure_policy")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="role",
            field=models.CharField(
                choices=[("viewer", "Viewer"), ("operator", "Operator"), ("admin", "Admin")],
                default="viewer",
                max_length=10,
            ),
        ),
        migrations.RunPython(keep_rights, migrations.RunPython.noop),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("who", models.CharField(max_length=254)),
                ("at", models.DateTimeField()),
                ("address", models.CharField(blank=True, max_length=45)),
                ("action", models.CharField(max_length=200)),
                ("target", models.CharField(blank=True, max_length=300)),
                (
                    "organization",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="audit_entries",
                        to="accounts.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="audit_entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="audit_newest_first"),
                    models.Index(fields=["at"], name="audit_by_date"),
                ],
            },
        ),
    ]
