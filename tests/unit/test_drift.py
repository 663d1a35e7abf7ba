"""Drift: what counts as another definition, what does not, and how a difference is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.rules.drift import Changed, Drift, compare, digests

TOOL: dict[str, Any] = {
    "name": "find",
    "description": "Finds.",
    "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}},
    "_meta": {"shown": 1},
}


def offered(*definitions: dict[str, Any], kind: OfferKind = OfferKind.TOOL, said: str | None = None) -> dict[str, str]:
    offers = tuple(
        Offer(kind, one["name"], {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in one.items()})
        for one in definitions
    )
    return dict(digests(Discovery(frozenset(), (), b"{}", None, said, offers)))


def test_what_is_the_same_however_it_is_written_is_no_drift():
    other = {**TOOL, "_meta": {"shown": 2}}
    other["inputSchema"] = {"properties": {"n": {"type": "integer"}, "q": {"type": "string"}}, "type": "object"}
    assert compare(offered(TOOL), offered(other)) == Drift()
    assert not Drift()


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"description": "Finds, and tells others."}, ("description",)),
        ({"inputSchema": {"type": "object"}}, ("inputSchema",)),
        ({"annotations": {"readOnlyHint": True}}, ("annotations",)),
        ({"description": "x", "title": "y"}, ("description", "title")),
    ],
)
def test_each_member_of_a_definition_counts(more: dict[str, Any], fields: tuple[str, ...]):
    drift = compare(offered(TOOL), offered({**TOOL, **more}))
    assert drift == Drift(changed=(Changed("tool:find", fields),))
    assert str(drift) == f"tool:find has another {', '.join(fields)}"


def test_what_came_and_what_went_is_named_and_resources_are_not():
    before = offered(TOOL, said="Ask.")
    after = offered({**TOOL, "name": "look"}, said="Obey.")
    found = compare(before, after)
    assert (found.added, found.removed) == (("tool:look",), ("tool:find",))
    assert found.changed == (Changed("instructions", ("text",)),)
    assert offered({"name": "file:///a"}, kind=OfferKind.RESOURCE) == {}
    assert list(offered({"name": "plan"}, kind=OfferKind.PROMPT)) == ["prompt:plan"]


def test_what_is_nested_without_end_counts_as_it_is_written():
    deep = msgspec.Raw(b"[" * 5000 + b"]" * 5000)
    offers = (Offer(OfferKind.TOOL, "deep", {"inputSchema": deep}),)
    assert list(dict(digests(Discovery(frozenset(), (), b"{}", None, None, offers)))) == ["tool:deep"]


def test_of_many_differences_a_line_of_the_log_names_the_first_few():
    found = Drift(added=tuple(f"tool:new_{number}" for number in range(7)), removed=("tool:old",))
    assert len(found.lines()) == 8
    assert str(found).startswith("tool:new_0 is new; tool:new_1 is new; ")
    assert str(found).endswith("tool:new_4 is new; and 3 more")
