"""What a schema says of one argument."""

from __future__ import annotations

import time
from typing import Any

import pytest

from toolgate.rules import schemas

SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
        "loop": {"$ref": "#/$defs/loop"},
    },
    "properties": {
        "name": {"type": "string"},
        "count": {"type": ["integer", "null"]},
        "at": {"$ref": "#/$defs/place"},
        "either": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"id": {"type": "number"}}}]},
        "both": {"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}, {"properties": {"b": {}}}]},
        "open": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "free": {},
        "bare": {"type": "object"},
        "never": False,
        "loop": {"$ref": "#/$defs/loop"},
        "far": {"$ref": "https://elsewhere.example/x.json"},
        "list": {"type": "array", "items": {"type": "object"}},
        "a/b": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("name", {"string"}),
        ("count", {"number", "null"}),
        ("at.city", {"string"}),
        ("either", {"string", "object"}),
        ("either.id", {"number"}),
        ("both.a", set(schemas.TYPES)),
        ("both.b", set(schemas.TYPES)),
        ("open.whatever", {"boolean"}),
        ("free", set(schemas.TYPES)),
        ("free.deep.down", set(schemas.TYPES)),
        ("bare.x", set(schemas.TYPES)),
        ("loop.x", set(schemas.TYPES)),
        ("far.x", set(schemas.TYPES)),
        ("a/b", {"string"}),
    ],
)
def test_arguments_that_can_be_there(path: str, types: set[str]):
    found = schemas.at(SCHEMA, path)
    assert found is not None
    assert set().union(*(schemas.types(one) for one in found)) == types


@pytest.mark.parametrize("path", ["nam", "name.x", "at.town", "either.x", "both.c", "never", "list.x", "count.x"])
def test_arguments_that_cannot(path: str):
    assert schemas.at(SCHEMA, path) is None


@pytest.mark.parametrize("schema", [True, None, [], "x", {}, {"type": 7}, {"properties": []}, {"anyOf": []}])
def test_a_schema_that_says_nothing_allows_anything(schema: Any):
    found = schemas.at(schema, "a.b")
    assert found is not None
    assert schemas.types(found[0]) == schemas.TYPES


def test_values_and_their_types():
    values = [None, True, 1, 1.5, "x", {}, []]
    assert [schemas.type_of(value) for value in values] == [
        "null",
        "boolean",
        "number",
        "number",
        "string",
        "object",
        "array",
    ]
    assert schemas.choices({"enum": [1, 2]}) == (1, 2)
    assert schemas.choices({"const": None}) == (None,)
    assert schemas.choices({}) is None
    assert schemas.bounds({"minimum": 1, "exclusiveMaximum": 5}) == (1.0, 5.0)
    assert schemas.bounds({"minimum": True}) == (float("-inf"), float("inf"))


def test_a_schema_without_end_is_given_up():
    twice = {"anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}]}
    hostile: dict[str, Any] = {"type": "object", "$defs": {"x": twice}, "properties": {"p": twice}}
    began = time.process_time()
    assert schemas.at(hostile, "p.q.r.s") is not None
    many: dict[str, Any] = {"anyOf": [{"properties": {"p": {"anyOf": [{"type": "string"}] * 100}}}] * 100}
    assert schemas.at(many, "p") is not None
    assert time.process_time() - began < 1.0
