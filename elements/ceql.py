"""CEQL, the platform's query language: `field op 'value'`, joined by AND and OR (CONTRACT §7). Pure.

What matches: numbers are compared as numbers where both sides are some, everything else as text, with case. Null, and
a field that is not there, match IS NULL alone. In LIKE, % stands for any text and _ for one character.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

MOST_CHARACTERS = 8000
MOST_DEPTH = 50
MOST_DIGITS = 40
MOST_CONDITIONS = 200
MOST_PATTERN = 200
Value = str | Decimal | bool | None
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

GRAMMAR = r"""
    ?start: either
    ?either: all (_OR all)*
    ?all: single (_AND single)*
    ?single: _NOT single -> negated
        | "(" either ")"
        | field COMPARISON value -> comparison
        | field _LIKE text -> like
        | field _NOT _LIKE text -> not_like
        | field _IN "(" value ("," value)* ")" -> among
        | field _NOT _IN "(" value ("," value)* ")" -> not_among
        | field _IS _NULL -> is_null
        | field _IS _NOT _NULL -> is_not_null
    field: NAME | QUOTED_NAME
    ?value: text | number | truth | nothing
    text: TEXT
    number: NUMBER
    truth: TRUE | FALSE
    nothing: _NULL
    COMPARISON: "<=" | ">=" | "!=" | "<>" | "=" | "<" | ">"
    _AND.2: /and\b/i
    _OR.2: /or\b/i
    _NOT.2: /not\b/i
    _LIKE.2: /like\b/i
    _IN.2: /in\b/i
    _IS.2: /is\b/i
    _NULL.2: /null\b/i
    TRUE.2: /true\b/i
    FALSE.2: /false\b/i
    NAME: /[^\W\d][\w.$-]*/
    QUOTED_NAME: /`[^`]+`/
    TEXT: /'(?:[^'\\]|''|\\.)*'/s
    NUMBER: /[+-]?\d{1,40}(?:\.\d{1,40})?/
    %ignore /\s+/
"""


class CeqlError(ValueError):
    """The query cannot be read; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"{message} at line {line}, column {column}")
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Comparison:
    field: str
    sign: str  # = != < > <= >=
    value: Value


@dataclass(frozen=True)
class Like:
    field: str
    pattern: str


@dataclass(frozen=True)
class Among:
    field: str
    values: tuple[Value, ...]

    @cached_property
    def prepared(self) -> tuple[set[Decimal], set[str], set[str], set[str]]:
        """Numbers, texts that are no numbers, all as texts, truth values as texts."""
        told = [value for value in self.values if value is not None and not isinstance(value, bool)]
        numbers = {number for value in told if (number := _number(value)) is not None}
        words = {as_text(value) for value in told if _number(value) is None}
        truths = {as_text(value) for value in self.values if isinstance(value, bool)}
        return numbers, words, {as_text(value) for value in told} | truths, truths


@dataclass(frozen=True)
class IsNull:
    field: str


@dataclass(frozen=True)
class Not:
    """True where the other is false; but of a null nothing is true, as with != itself."""

    part: "Comparison | Like | Among | IsNull | Not | All | Either"


@dataclass(frozen=True)
class All:
    parts: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Either:
    parts: "tuple[Expression, ...]"


Expression = Comparison | Like | Among | IsNull | Not | All | Either


class _Builder(Transformer[Token, Any]):
    def field(self, items: list[Token]) -> str:
        return str(items[0]).strip("`")

    def text(self, items: list[Token]) -> str:
        return _unquoted(str(items[0])[1:-1])

    def number(self, items: list[Token]) -> Decimal:
        return Decimal(str(items[0]))

    def truth(self, items: list[Token]) -> bool:
        return str(items[0]).lower() == "true"

    def nothing(self, items: list[Token]) -> None:
        return None

    def comparison(self, items: list[Any]) -> Expression:
        field, sign, value = items[0], str(items[1]).replace("<>", "!="), items[2]
        if value is None and sign in ("=", "!="):
            return IsNull(field) if sign == "=" else Not(IsNull(field))
        return Comparison(field, sign, value)

    def like(self, items: list[Any]) -> Expression:
        return Like(*items)

    def not_like(self, items: list[Any]) -> Expression:
        return Not(Like(*items))

    def among(self, items: list[Any]) -> Expression:
        return Among(items[0], tuple(items[1:]))

    def not_among(self, items: list[Any]) -> Expression:
        return Not(Among(items[0], tuple(items[1:])))

    def is_null(self, items: list[Any]) -> Expression:
        return IsNull(items[0])

    def is_not_null(self, items: list[Any]) -> Expression:
        return Not(IsNull(items[0]))

    def negated(self, items: list[Any]) -> Expression:
        return Not(items[0])

    def all(self, items: list[Any]) -> Expression:
        return All(tuple(items))

    def either(self, items: list[Any]) -> Expression:
        return Either(tuple(items))


def _unquoted(text: str) -> str:
    """Two quotes are one, and a backslash takes what follows as it is."""
    plain, position = [], 0
    while position < len(text):
        if text[position] == "\\" or text[position : position + 2] == "''":
            position += 1
        plain.append(text[position : position + 1])
        position += 1
    return "".join(plain)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


def parse(text: str) -> Expression:
    """Raises CeqlError with the position of what cannot be read."""
    if len(text) > MOST_CHARACTERS:
        raise CeqlError(f"The query is longer than {MOST_CHARACTERS} characters", 1, MOST_CHARACTERS)
    depth = 0
    for position, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth > MOST_DEPTH:
            raise CeqlError(f"More than {MOST_DEPTH} parentheses are open", 1, position + 1)
    if text.lower().count("not") > 10 * MOST_DEPTH:
        raise CeqlError("Too many NOTs", 1, 1)
    try:
        found: Expression = _Builder().transform(_parser().parse(text))
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            last = text.rpartition("\n")[2]
            raise CeqlError("The query ends too early", text.count("\n") + 1, len(last) + 1) from None
        near = text.splitlines()[error.line - 1][error.column - 1 :][:20]
        raise CeqlError(f"The query cannot be read from {near!r} on", error.line, error.column) from None
    except (VisitError, RecursionError) as error:
        raise CeqlError("The query is nested too deeply", 1, 1) from error
    _check_cost(found)
    return found


def _check_cost(expression: Expression) -> None:
    """Each record is looked at with all of it. Raises CeqlError for what would take too long."""
    waiting, conditions = [expression], 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, All | Either):
            waiting.extend(part.parts)
        elif isinstance(part, Not):
            waiting.append(part.part)
        else:
            conditions += 1
            if isinstance(part, Like) and len(part.pattern) > MOST_PATTERN:
                raise CeqlError(f"The text behind LIKE is longer than {MOST_PATTERN} characters", 1, 1)
    if conditions > MOST_CONDITIONS:
        raise CeqlError(f"The query has more than {MOST_CONDITIONS} conditions", 1, 1)


Find = Callable[[str], Any]  # a record's value at a field


def matches(expression: Expression, find: Find) -> bool:
    """Whether the record, whose values `find` gives, is among those that are asked for."""
    return _truth(expression, find) is True


def _truth(expression: Expression, find: Find) -> bool | None:
    """None: not known, since a value is null (as in SQL)."""
    match expression:
        case All(parts):
            found = [_truth(part, find) for part in parts]
            return False if False in found else None if None in found else True
        case Either(parts):
            found = [_truth(part, find) for part in parts]
            return True if True in found else None if None in found else False
        case Not(part):
            inner = _truth(part, find)
            return None if inner is None else not inner
        case IsNull(field):
            return find(field) is None
        case Comparison(field, sign, value):
            return _compare(find(field), sign, value)
        case Like(field, pattern):
            value = find(field)
            return None if value is None else like(as_text(value), pattern)
        case Among(field):
            value = find(field)
            return None if value is None else _is_among(value, expression)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    text = str(value).strip()
    if not text or len(text) > MOST_DIGITS or not text.isascii():
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_among(value: Any, among: Among) -> bool:
    """As one comparison by = after another, in the time of one."""
    numbers, words, texts, truths = among.prepared
    if isinstance(value, bool):
        return as_text(value) in {text.lower() for text in texts}
    number = _number(value)
    text = as_text(value)
    return text.lower() in truths or text in words or (text in texts if number is None else number in numbers)


def _compare(value: Any, sign: str, wanted: Value) -> bool | None:
    if value is None or wanted is None:
        return None
    left: Any = _number(value)
    right: Any = _number(wanted)
    if left is None or right is None:
        left, right = as_text(value), as_text(wanted)
        if isinstance(value, bool) or isinstance(wanted, bool):
            left, right = left.lower(), right.lower()
    return bool(_OPERATORS[sign](left, right))


def like(text: str, pattern: str) -> bool:
    """% stands for any text, _ for one character. Takes at most the product of both lengths."""
    at = there = 0
    star, resume = -1, 0
    while at < len(text):
        if there < len(pattern) and pattern[there] == "%":
            star, resume = there, at
            there += 1
        elif there < len(pattern) and pattern[there] in ("_", text[at]):
            at, there = at + 1, there + 1
        elif star >= 0:
            resume += 1
            at, there = resume, star + 1
        else:
            return False
    return all(letter == "%" for letter in pattern[there:])
