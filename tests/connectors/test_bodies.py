"""What stands in a JSON body: places in lists, objects, pages; and what expressions find beyond plain JMESPath."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import serving
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import expressions, reading

POST = {"method": "POST", "path": "/x", "body": "json"}


def posting(style: str, **members: Any) -> dict[str, Any]:
    pages = {"style": style, "in": "body", "size_param": "size", "position_params": ["at"], "default": 2, **members}
    return paged(f"list_{style}", pages, request=POST, result="{rows: items}")


def with_tools(folder: Path, *tools: dict[str, Any]) -> Path:
    made = shop()
    made["tools"] += tools
    return written(folder, made)


@pytest.mark.parametrize(
    ("style", "members", "wanted"),
    [
        ("cursor", {"next_cursor": "next"}, [{}, {"at": "7"}]),
        ("offset", {}, [{"at": 0}, {"at": 2}]),
        ("page", {}, [{"at": 1}, {"at": 2}]),
    ],
)
async def test_pages_in_a_body_are_asked_for_in_the_body_alone(
    tmp_path: Path, style: str, members: dict[str, Any], wanted: list[dict[str, Any]]
):
    made = posting(style, rows="items", **members)
    async with serving(tmp_path, Replay([]), path=str(with_tools(tmp_path, made))) as served:
        served.replay.plays += [Play(body={"items": [1, 2], "next": "7"}), Play(body={"items": [3], "next": None})]
        first = (await served.call(made["name"])).told
        last = (await served.call(made["name"], page_token=first["next_page_token"])).told
        assert (first["rows"], last["rows"], "next_page_token" in last) == ([1, 2], [3], False)
        assert [json.loads(request.body) for request in served.replay.seen] == [{"size": 2, **at} for at in wanted]
        assert [request.query for request in served.replay.seen] == [[], []]


async def test_a_list_is_a_whole_body_in_the_json_that_the_product_takes_with_delete_too(tmp_path: Path):
    items = {"items": {"type": "array", "items": "object", "in": "body", "to": "@", "required": True}}
    request = {"method": "DELETE", "path": "/x", "body": "json", "content_type": "application/vnd.api+json"}
    path = with_tools(tmp_path, tool("remove_all", hints={"read_only": False}, request=request, params=items))
    async with serving(tmp_path, Replay([]), path=str(path)) as served:
        served.replay.plays += [Play(body={})]
        assert (await served.call("remove_all", items=[{"id": 1}, {"id": 2}])).told == {}
        (asked,) = served.replay.seen
        assert (asked.method, json.loads(asked.body)) == ("DELETE", [{"id": 1}, {"id": 2}])
        assert ("content-type", "application/vnd.api+json") in asked.headers


DEEP = {
    "more": {"type": "object", "in": "body", "to": "of"},
    "title": {"type": "string", "in": "body", "to": "of.title.0.text"},
    "kind": {"type": "string", "in": "body", "to": "of.title.0.kind", "internal": True, "default": "plain"},
    "parts": {"type": "array", "items": "object", "in": "body"},
}


async def test_places_in_lists_and_objects_in_lists(tmp_path: Path):
    path = with_tools(tmp_path, tool("send_list", hints={"read_only": False}, request=POST, params=DEEP))
    async with serving(tmp_path, Replay([]), path=str(path)) as served:
        served.replay.plays += [Play(body={})] * 2
        await served.call("send_list", title="t", more={"a": 1, "title": []}, parts=[{"b": [2]}])
        title = [{"text": "t", "kind": "plain"}]
        assert json.loads(served.replay.seen[0].body) == {"of": {"a": 1, "title": title}, "parts": [{"b": [2]}]}
        await served.call("send_list")
        assert json.loads(served.replay.seen[1].body) == {"of": {"title": [{"kind": "plain"}]}}
        assert "expected an object" in await served.wrong("send_list", parts=["a"])
        for title in ("text", {"a": 1}, ["text"], 7):
            told = await served.wrong("send_list", more={"title": title}, title="t")
            assert "stands where another argument has put something else" in told
        assert len(served.replay.seen) == 2


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (posting("cursor", next_cursor="next") | {"request": {"method": "GET", "path": "/x"}}, "needs `body: json`"),
        (posting("link_header"), "a link leads to a query"),
        (tool("a", request=POST, params={"a": {**DEEP["title"], "to": "a.100.b"}}), "is 99 at most"),
        (tool("a", params={"a": {**DEEP["parts"], "in": "query"}}), "an object can stand in a body only"),
    ],
)
def test_what_cannot_stand_in_a_body_is_told(tmp_path: Path, made: dict[str, Any], told: str):
    with pytest.raises(ConfigError) as caught:
        reading.read(with_tools(tmp_path, made))
    assert any(told in finding for finding in caught.value.findings)


def test_values_of_an_object_are_mapped_and_keep_their_names():
    data = {"of": {"a": {"n": 0}, "b": {"t": [{"x": "y"}]}, "c": {"z": 1}}}
    assert expressions.found("map_values(&[n, t[0].x][?@ != `null`] | [0], of)", data) == {"a": 0, "b": "y"}
    assert expressions.found("map_values(&n, nothing)", data) is None
