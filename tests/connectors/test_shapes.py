"""Shapes of requests and answers that some products have: lists in one piece, pages behind a path, bodies that are the
argument itself, variables in paths, members that nobody needs, and texts that must not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import Serving, serving
from tests.connectors.test_reading import findings, put
from toolgate.upstreams.connector import reading

ALL_AT_ONCE = {"style": "none", "default": 2}
BEHIND_A_PATH = {
    "style": "cursor",
    "position_params": ["at"],
    "next_cursor": "next",
    "next_path": "/{version}/more/{at}",
    "rows": "items",
    "default": 3,
}
VERSION = {"version": {"type": "string", "in": "path", "internal": True, "variable": "version"}}
QUERY = {"q": {"type": "string", "in": "query", "pattern": "(?i)select .*", "not_pattern": r"(?i)\bfor\s+update\b"}}


def extended() -> dict[str, Any]:
    """The shop with a version in its paths."""
    made = shop()
    made["variables"]["version"] = {"help": "As v1", "pattern": "v[0-9]+", "default": "v1"}
    made["tools"] += [
        paged("list_whole", dict(ALL_AT_ONCE)),
        paged(
            "list_linked",
            dict(BEHIND_A_PATH),
            request={"method": "GET", "path": "/{version}/first"},
            params={**VERSION, **QUERY},
            result="{rows: items}",
            drop=["links"],
        ),
        tool(
            "put_whole",
            hints={"read_only": False},
            request={"method": "PUT", "path": "/{version}/whole", "body": "json"},
            params={**VERSION, "fields": {"type": "object", "in": "body", "to": "@", "required": True}},
            examples=[{"args": {"fields": {}}, "fixture": "any.json"}],
        ),
    ]
    return json.loads(json.dumps(made))  # each part its own: YAML would write an alias for what stands twice


async def page(served: Serving, name: str, body: Any, **arguments: Any) -> dict[str, Any]:
    served.replay.plays.append(Play(body=body))
    return (await served.call(name, **arguments)).told


async def test_a_list_in_one_piece_is_cut_by_the_limit_and_goes_on(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        told = await page(served, "list_whole", [1, 2, 3, 4, 5])
        assert told["rows"] == [1, 2]
        assert told["truncated"] is False
        told = await page(served, "list_whole", [1, 2, 3, 4, 5], page_token=told["next_page_token"])
        assert told["rows"] == [3, 4]
        told = await page(served, "list_whole", [1, 2, 3, 4, 5], page_token=told["next_page_token"])
        assert told["rows"] == [5]
        assert "next_page_token" not in told
        assert [request.query for request in served.replay.seen] == [[], [], []]


async def test_pages_behind_a_path_are_asked_for_there_and_nowhere_else(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        first = {"items": [1, 2, 3, 4], "next": "https://elsewhere.example/v9/more/a?b#c-4"}
        told = await page(served, "list_linked", first, q="select x")
        assert told["rows"] == [1, 2, 3]
        told = await page(served, "list_linked", first, q="select x", page_token=told["next_page_token"])
        assert told["rows"] == [4]
        told = await page(served, "list_linked", {"items": [5]}, q="select x", page_token=told["next_page_token"])
        assert told["rows"] == [5]
        assert "next_page_token" not in told
        seen = [(request.path, request.query) for request in served.replay.seen]
        assert seen == [("/v1/first", [("q", "select x")])] * 2 + [("/v1/more/a%3Fb%23c-4", [])]


async def test_a_link_that_leads_out_of_its_path_is_refused(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        for bad in ("/..", "/.", ".."):
            told = await page(served, "list_linked", {"items": [1], "next": bad})
            assert "a part of the path" in await served.wrong("list_linked", page_token=told["next_page_token"])
        for none in ("/", "", None, 0):
            assert "next_page_token" not in await page(served, "list_linked", {"items": [1], "next": none})


async def test_a_variable_stands_in_the_path_and_is_not_the_models(tmp_path: Path):
    folder = str(written(tmp_path, extended()))
    async with serving(tmp_path, Replay([]), path=folder) as served:
        await page(served, "put_whole", {}, fields={"a": 1})
        assert served.replay.seen[-1].path == "/v1/whole"
        assert "there is no argument 'version'" in await served.wrong("put_whole", fields={}, version="v2")


async def test_an_object_can_be_the_body_itself(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        await page(served, "put_whole", {}, fields={"a.b": 1, "c": {"d": None}})
        assert json.loads(served.replay.seen[-1].body) == {"a.b": 1, "c": {"d": None}}


async def test_members_that_nobody_needs_are_dropped_wherever_they_stand(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        row = {"id": 1, "links": {"a": "b"}, "owner": {"links": [], "name": "n"}, "lines": [{"links": 1, "no": 2}]}
        told = await page(served, "list_linked", {"items": [row]})
        assert told["rows"] == [{"id": 1, "owner": {"name": "n"}, "lines": [{"no": 2}]}]


@pytest.mark.parametrize("text", ["select x for update", "SELECT x FOR\n UPDATE", "delete x"])
async def test_a_text_that_must_not_be_is_refused_before_anything_is_asked(tmp_path: Path, text: str):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, extended()))) as served:
        assert "list_linked: q: " in await served.wrong("list_linked", q=text)
        assert served.replay.seen == []
        assert (await page(served, "list_linked", {"items": []}, q="select form from updates"))["rows"] == []


WHOLE, LINKED, PUT = 7, 8, 9
LINTS = [
    (put("tools", WHOLE, "pagination", "size_param", "n"), "style none has neither"),
    (put("tools", 3, "pagination", {"style": "page", "position_params": ["page"]}), "is needed by the style page"),
    (put("tools", LINKED, "pagination", "next_path", "/more"), "holds the position parameter in braces"),
    (put("tools", LINKED, "pagination", "next_path", "more/{at}"), "holds the position parameter in braces"),
    (put("tools", LINKED, "pagination", "next_path", "/{q}/{at}"), "{q} of `next_path` is no parameter"),
    (put("tools", LINKED, "pagination", "position_params", []), "style cursor has exactly one"),
    (put("tools", LINKED, "params", "q", "not_pattern", "(?!a)"), "params.q.not_pattern: is no RE2 pattern"),
    (put("tools", LINKED, "params", "version", "variable", "edition"), "edition is not among `variables`"),
    (put("tools", LINKED, "params", "version", "default", "v1"), "is for an internal text without a default"),
    (put("tools", PUT, "params", "fields", "type", "string"), "only an object or a list can be the body itself"),
]


@pytest.mark.parametrize(("change", "told"), LINTS, ids=lambda one: one if isinstance(one, str) else "")
def test_each_of_these_lints_can_fail(tmp_path: Path, change: Any, told: str):
    made = extended()
    assert reading.read(written(tmp_path, made)).id == "shop"
    change(made)
    found = findings(written(tmp_path / "changed", made))
    assert any(told in one for one in found), found
