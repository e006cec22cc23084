"""JSON that came in, read in one place: what is none, nested too deeply, or held by no database, is refused."""

import json
import math
from typing import Any

MOST_DEPTH = 100
UNSTORABLE = "must not hold a NUL character or half a character"
TOO_DEEP = f"is nested more than {MOST_DEPTH} deep"
SHOWN_PATH = 200


class Fault(ValueError):
    """What is wrong with a value, and where in it: a dotted path, empty for the value itself."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path[:SHOWN_PATH]
        self.problem = problem


def loads(text: str, *, keys_once: bool = False) -> Any:
    """The value that `text` spells. Raises json.JSONDecodeError with the place, and other ValueErrors.

    Infinity and NaN are no JSON, nor is a number that is too large to be one; with `keys_once`, nor is an object two of
    whose keys are the same: of these the first would be lost without a word.
    """
    hook = _each_once if keys_once else None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=hook)
    except RecursionError:
        raise Fault("", TOO_DEEP) from None
    check(value)
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:30]} is too large")
    return number


def check(value: Any) -> None:
    """Raises Fault for the first text in `value` that cannot be stored, and for what is nested too deeply.

    A key at fault is told by what it stands in.
    """
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        found, path, depth = waiting.pop()
        if isinstance(found, str):
            if _is_unstorable(found):
                raise Fault(path, UNSTORABLE)
        elif isinstance(found, dict):
            if depth == MOST_DEPTH:
                raise Fault(path, TOO_DEEP)
            for key, each in found.items():
                if _is_unstorable(key):
                    raise Fault(path, UNSTORABLE)
                below = path if len(path) > SHOWN_PATH else f"{path}.{key}" if path else str(key)
                waiting.append((each, below, depth + 1))
        elif isinstance(found, list):
            if depth == MOST_DEPTH:
                raise Fault(path, TOO_DEEP)
            waiting.extend((each, path, depth + 1) for each in found)


def _is_unstorable(text: str) -> bool:
    # ASCII first: most texts are, and need no look at each character.
    return "\0" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text))
