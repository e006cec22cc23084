"""A folder imports only from those below it (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    "acton_hub",
    "accounts",
    "elements",
    "instances",
    "events",
    "polling",
    "alerts",
    "api",
    "console",
    "processes",
]
APART = ["sandbox"]


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, imports for typing alone left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("layer", LAYERS + APART)
def test_a_folder_imports_only_from_those_below_it(layer: str) -> None:
    allowed = set() if layer in APART else set(LAYERS[: LAYERS.index(layer) + 1])
    forbidden = (set(LAYERS) | set(APART)) - allowed - {layer}
    files = [path for path in (ROOT / layer).rglob("*.py") if "migrations" not in path.parts]
    assert files
    for path in files:
        assert not imported(path) & forbidden, path.relative_to(ROOT)
