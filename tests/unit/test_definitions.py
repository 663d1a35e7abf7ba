"""Definitions of servers, mended: valid by the official schemas whatever a server says, untouched where it is right."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import ListPromptsResult, ListResourcesResult, ListResourceTemplatesResult, ListToolsResult

from tests.schemas import schemas
from toolgate.model.call import Fields
from toolgate.model.catalog import OfferKind
from toolgate.protocol import bridge, offers
from toolgate.protocol.definitions import mended

DEFINITION = {
    OfferKind.TOOL: "Tool",
    OfferKind.PROMPT: "Prompt",
    OfferKind.RESOURCE: "Resource",
    OfferKind.TEMPLATE: "ResourceTemplate",
}
CLIENTS: dict[OfferKind, Any] = {
    OfferKind.TOOL: ListToolsResult,
    OfferKind.PROMPT: ListPromptsResult,
    OfferKind.RESOURCE: ListResourcesResult,
    OfferKind.TEMPLATE: ListResourceTemplatesResult,
}
RIGHT: dict[OfferKind, dict[str, Any]] = {
    OfferKind.TOOL: {
        "name": "x",
        "title": "X",
        "description": "d",
        "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}}},
        "outputSchema": {"type": "object"},
        "annotations": {"title": "t", "readOnlyHint": True},
        "icons": [{"src": "https://e.example/i.png", "sizes": ["48x48"], "theme": "dark"}],
        "execution": {"taskSupport": "optional"},
        "_meta": {"a": 1},
        "later": [1],
    },
    OfferKind.PROMPT: {"name": "p", "arguments": [{"name": "a", "required": True}], "description": "d"},
    OfferKind.RESOURCE: {
        "uri": "r:1",
        "name": "a",
        "size": 5,
        "mimeType": "text/plain",
        "annotations": {"audience": ["user"], "priority": 0.5, "lastModified": "2025-01-01T00:00:00Z"},
    },
    OfferKind.TEMPLATE: {"uriTemplate": "r:{a}", "name": "a", "mimeType": "text/plain"},
}
OLD = ["2025-11-25", "2026-07-28"]


def fields(value: dict[str, Any]) -> Fields:
    return msgspec.json.decode(json.dumps(value).encode(), type=Fields)


def plain(definition: Fields) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(definition))


def check(kind: OfferKind, definition: Fields) -> None:
    """By the schemas, and by the official client."""
    modern = plain(bridge.definition_for_modern(definition))
    schemas("2026-07-28").check(modern, DEFINITION[kind])
    legacy = plain(bridge.definition_for_legacy(definition))
    schemas("2025-11-25").check(legacy, DEFINITION[kind])
    CLIENTS[kind].model_validate({kind.value: [legacy]})


@pytest.mark.parametrize("kind", OfferKind)
def test_what_is_right_is_not_touched(kind: OfferKind):
    definition = fields(RIGHT[kind])
    assert mended(kind, "x", definition) is definition
    check(kind, definition)


SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "object", "object", "string", 5]),
        "properties": st.one_of(
            st.dictionaries(
                st.sampled_from(["a", "b"]), st.sampled_from([{}, {"type": "string"}, True, False, 5]), max_size=2
            ),
            st.just([]),
        ),
        "required": st.sampled_from([[], ["a"], "a", [1]]),
        "$schema": st.sampled_from(["https://json-schema.org/draft/2020-12/schema", 5]),
        "anyOf": st.just([{"type": "object"}]),
    },
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.sampled_from(["", "x", "object", "dark"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "src", "type", "theme", "audience", "priority", "required", "title"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@pytest.mark.promise("lists.readable")
@given(st.sampled_from(list(OfferKind)), st.data())
def test_whatever_a_server_says_is_readable_or_left_out(kind: OfferKind, data: st.DataObject):
    identity = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}.get(kind, "name")
    members = [*RIGHT[kind], "icons", "annotations", "title", "_meta", "name", "description"]
    changed = data.draw(st.dictionaries(st.sampled_from(members), VALUES, max_size=3))
    if kind is OfferKind.TOOL:
        changed |= data.draw(st.dictionaries(st.sampled_from(["inputSchema", "outputSchema"]), SCHEMAS, max_size=2))
    removed = data.draw(st.sets(st.sampled_from(members), max_size=3))
    kept = {name: value for name, value in {**RIGHT[kind], **changed}.items() if name not in removed}
    said = {**kept, identity: "r:1"}
    definition = mended(kind, "r:1", fields(said))
    if definition is None:
        schema = said["inputSchema"]
        assert kind is OfferKind.TOOL
        assert schema != RIGHT[kind]["inputSchema"]
        return
    check(kind, definition)
    own = plain(definition)
    assert {name: value for name, value in said.items() if name not in own or own[name] != value}.keys() <= {
        *changed,
        *removed,
    }, "only what is wrong is changed"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (..., {"type": "object"}),
        ({}, {"type": "object"}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        (
            {"type": "object", "properties": {"a": True, "b": False, "c": {"x": 1}}},
            {"type": "object", "properties": {"a": {}, "b": {"not": {}}, "c": {"x": 1}}},
        ),
        ({"type": "object", "properties": []}, None),
        ({"type": "object", "properties": {"a": 5}}, None),
        ({"type": "object", "required": "a"}, None),
        ({"type": "object", "x": 1}, {"type": "object", "x": 1}),
        ({"type": "string"}, None),
        ({"type": ["object"]}, None),
        ({"type": None}, None),
        (True, None),
        ([], None),
        (None, None),
    ],
)
def test_parameters_are_an_object(said: Any, expected: Any):
    definition = mended(
        OfferKind.TOOL, "x", fields({"name": "x"} if said is ... else {"name": "x", "inputSchema": said})
    )
    assert (None if definition is None else plain(definition)["inputSchema"]) == expected


@pytest.mark.promise("lists.readable")
def test_a_page_tells_what_was_left_out():
    listed = [{"name": "a"}, {"name": "b", "inputSchema": {"type": "array"}}, {"name": 5}, {"description": "nameless"}]
    page = offers.page(OfferKind.TOOL, fields({"tools": listed}), "crm")
    assert [offer.name for offer in page.offers] == ["a"]
    assert page.left_out == ("b",)


def test_a_resource_without_a_name_is_called_as_its_uri():
    definition = mended(OfferKind.RESOURCE, "r:1", fields({"uri": "r:1"}))
    assert definition is not None
    assert plain(definition) == {"uri": "r:1", "name": "r:1"}
