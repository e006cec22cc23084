"""What the documentation names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`((?:[\w/]+\.py)?)::(\w+)`")


def names_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", ["docs/api.md", "docs/architecture.md"])
def test_every_test_that_a_document_names_is_there(document: str) -> None:
    path, found = "", 0
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        for file, name in NAMED.findall(line):
            path = file or path
            assert name in names_of(ROOT / "tests" / path), f"{path}::{name}"
            found += 1
    assert found


def test_a_row_without_a_test_is_not_done() -> None:
    rows = [
        line for line in (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    facts = [row for row in rows if row != "| fact | test |"]
    assert facts
    assert all(NAMED.search(row) for row in facts)
