"""CEQL against a plain evaluation of the same query (CONTRACT §7)."""

import fnmatch
import operator
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elements import ceql
from elements.ceql import CeqlError

FIELDS = ["a", "b.c", "some field"]
values = st.one_of(st.none(), st.integers(-5, 5), st.text("ab%_'5", max_size=3), st.booleans())
records = st.dictionaries(st.sampled_from(FIELDS), values)
SIGNS = {"=": operator.eq, "!=": operator.ne, "<>": operator.ne, "<": operator.lt, ">": operator.gt,
         "<=": operator.le, ">=": operator.ge}  # fmt: skip


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value).lower()


literals = st.one_of(st.integers(-5, 5), st.text("ab%_'5", max_size=3), st.booleans())
fields = st.sampled_from(FIELDS)
# A query as a tree of plain tuples; its text and its truth are made of it in two independent ways.
atoms = st.one_of(
    st.tuples(st.just("compare"), fields, st.sampled_from(sorted(SIGNS)), literals),
    st.tuples(st.just("like"), fields, st.text("ab%_", max_size=4)),
    st.tuples(st.just("in"), fields, st.lists(literals, min_size=1, max_size=3)),
    st.tuples(st.just("null"), fields, st.booleans()),
)
queries = st.recursive(
    atoms,
    lambda inner: st.one_of(st.tuples(st.sampled_from(["AND", "or"]), inner, inner), st.tuples(st.just("not"), inner)),
    max_leaves=8,
)


def text_of(query: Any) -> str:
    kind, *rest = query
    field = f"`{rest[0]}`" if isinstance(rest[0], str) else ""
    if kind == "compare":
        return f"{field} {rest[1]} {literal(rest[2])}"
    if kind == "like":
        return f"{field} LIKE {quoted(rest[1])}"
    if kind == "in":
        return f"{field} in ({', '.join(literal(value) for value in rest[1])})"
    if kind == "null":
        return f"{field} IS {'' if rest[1] else 'NOT '}NULL"
    if kind == "not":
        return f"NOT ({text_of(rest[0])})"
    return f"({text_of(rest[0])}) {kind} ({text_of(rest[1])})"


def compared(value: Any, sign: str, wanted: Any) -> bool | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or isinstance(wanted, bool):
            raise ValueError
        left, right = Decimal(str(value).strip()), Decimal(str(wanted).strip())
    except (ValueError, ArithmeticError):
        boolean = isinstance(value, bool) or isinstance(wanted, bool)
        plain = [str(each).lower() if boolean or isinstance(each, bool) else str(each) for each in (value, wanted)]
        return bool(SIGNS[sign](*plain))
    return bool(SIGNS[sign](left, right))


def truth_of(query: Any, record: dict[str, Any]) -> bool | None:
    kind, *rest = query
    if kind in ("AND", "or"):
        sides = {truth_of(rest[0], record), truth_of(rest[1], record)}
        decisive = kind == "or"
        return decisive if decisive in sides else None if None in sides else not decisive
    if kind == "not":
        inner = truth_of(rest[0], record)
        return None if inner is None else not inner
    value = record.get(rest[0])
    if kind == "null":
        return bool((value is None) == rest[1])
    if value is None:
        return None
    if kind == "compare":
        return compared(value, rest[1], rest[2])
    if kind == "in":
        return any(compared(value, "=", each) for each in rest[1])
    text = str(value).lower() if isinstance(value, bool) else str(value)
    expression = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in rest[1])
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(queries, records)
def test_it_finds_what_a_plain_evaluation_finds(query: Any, record: dict[str, Any]) -> None:
    assert ceql.matches(ceql.parse(text_of(query)), record.get) == (truth_of(query, record) is True)


@given(st.text("ab*?[]", max_size=8), st.text("ab%_", max_size=6))
def test_like_is_the_shells_matching_by_other_signs(text: str, pattern: str) -> None:
    shells = "".join({"%": "*", "_": "?"}.get(letter, letter) for letter in pattern)
    assert ceql.like(text, pattern) == fnmatch.fnmatchcase(text, shells)


def test_like_takes_no_longer_for_a_pattern_made_to_hurt() -> None:
    assert not ceql.like("a" * 2000, "%a" * 200 + "b")


@given(st.text())
@example("a = ")
@example("(" * 100)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(CeqlError):
        ceql.parse(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("", 1, 1), ("a = ", 1, 5), ("a == 'x'", 1, 4), ("a = 'x' b = 'y'", 1, 9), ("a = 'x'\nAND b ~ 'y'", 2, 7)],
)
def test_an_error_tells_where_it_is(text: str, line: int, column: int) -> None:
    with pytest.raises(CeqlError) as caught:
        ceql.parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).endswith(f"at line {line}, column {column}")
