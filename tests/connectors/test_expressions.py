"""Expressions mean here what they mean in the library of JMESPath."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from jmespath.exceptions import JMESPathError

from tests.connectors.serving import fixture
from toolgate.upstreams.connector import expressions, reading

VALUES: list[Any] = [
    None, False, True, 0, 7, "", "text", [], {}, [None, 1, [2, [3]], {"a": 1}], {"a": None}, {"a": {"b": ""}, "c": 5},
    {"a": [{"b": 1, "c": [1]}, {"b": None}, {"b": {"d": 2}}, 3, [{"b": 9}]], "c": {"d": [[1], 2]}, "d": "x"},
]  # fmt: skip
PARTS = [
    "@", "a", "a.b", "a[].b", "a[]", "a[*].b", "a[*].c[]", "a[0]", "a[-1].b", "c.d[]", "a || c", "a.b || `[]`",
    "[a, c]", "{x: a, y: c.d}", "a[].{x: b, y: c}", "a | [0]", "*", "*.b", "a[?b].b", "a[?b == `1`]", "!a", "a && c",
    "`7`", "a[].b | [0]", "[].a", "[]", "[*]", "a[1:]", "length(a || `[]`)", "join('', [d || ''])", "c == `5`",
    "a[].[b, c][]", "map_values(&b, c || `{}`)", "sort_by(a[?b], &b)",
]  # fmt: skip


def library(expression: str, value: Any) -> Any:
    """As the library finds it, with our functions."""
    options = jmespath.Options(custom_functions=expressions.FUNCTIONS)
    try:
        return jmespath.search(expression, value, options=options)
    except JMESPathError:
        return None


@pytest.mark.parametrize("expression", PARTS)
def test_each_part_of_the_language_finds_what_the_library_finds(expression: str):
    for value in VALUES:
        assert repr(expressions.found(expression, value)) == repr(library(expression, value)), value


@pytest.mark.parametrize("id_", reading.included())
def test_what_connectors_say_finds_what_the_library_finds(id_: str):
    connector = reading.read(reading.INCLUDED / id_)
    said = [connector.errors.message, *(rule.when for rule in connector.errors.rules)]
    said += [lookup.value for lookup in connector.lookups.values()]
    for tool in connector.tools:
        bound = [expression for step in tool.steps for expression in step.bind.values()]
        mine = [one for one in (tool.result, *bound, *said) if one != "raw"]
        for example in tool.examples:
            for exchange in fixture(id_, example.fixture)["exchanges"]:
                answer = exchange.get("answer")
                for value in (answer, {"status": 200, "headers": {}, "body": answer, "args": example.args}):
                    for expression in mine:
                        assert expressions.found(expression, value) == library(expression, value)


def test_what_would_be_joined_to_more_than_a_text_may_have_is_not_found():
    many = {"glue": "x" * 10_000, "texts": ["a"] * 10_000}
    assert expressions.found("join(glue, texts)", many) is None
    assert expressions.found("join(', ', texts[:2])", many) == "a, a"
