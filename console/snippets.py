"""Programs to be copied, with this hub's own address in them; `tests/end_to_end/test_snippets.py` runs each."""

from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

LANGUAGES = {"sh": "curl", "py": "Python", "mjs": "Node"}


@dataclass(frozen=True)
class Snippet:
    task: str  # "create" or "check"
    kind: str  # the ending of its file
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.task}-{self.kind}"

    @property
    def file(self) -> str:
        return f"{self.task}.{self.kind}"


def of(task: str) -> list[Snippet]:
    """One a language."""
    return [Snippet(task, kind, language, text(f"{task}.{kind}")) for kind, language in LANGUAGES.items()]


def text(name: str) -> str:
    """It is text, not HTML: nothing in it is escaped until a page shows it."""
    context = {"hub": mark_safe(settings.PUBLIC_URL)}  # noqa: S308
    return render_to_string(f"console/snippets/{name}.txt", context).rstrip("\n")
