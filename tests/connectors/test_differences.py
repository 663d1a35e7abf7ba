"""What single products do otherwise than most: links to another of their addresses, links to nothing, seconds instead
of a moment, objects made of the items of a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import github, serving
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import answers, reading
from toolgate.upstreams.connector.answers import Reply


def made(**members: Any) -> dict[str, Any]:
    connector = shop()
    linked = {"style": "link_header", "size_param": "size", "position_params": ["cursor"], "default": 2, **members}
    grouped = tool(
        "group",
        hints={"read_only": True},
        request={"method": "POST", "path": "/group", "body": "json"},
        params={"by": {"type": "array", "items": "string", "in": "body", "each": {"key": "facet", "more": {"top": 3}}}},
    )
    connector["tools"] += [paged("list_by_link", linked), grouped]
    return connector


@pytest.mark.parametrize(("members", "followed"), [({}, False), ({"any_origin": True}, True)])
async def test_of_a_link_to_another_address_the_position_alone_is_taken(
    tmp_path: Path, members: dict[str, Any], followed: bool
):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made(**members)))) as served:
        link = {
            "Link": '<https://us.shop.example/x?cursor=0:2:0&size=9&q=z>; rel="next"; results="true"; cursor="0:2:0"'
        }
        served.replay.plays += [Play(body=[1, 2], headers=link), Play(body=[3])]
        told = (await served.call("list_by_link")).told
        assert ("next_page_token" in told) == followed
        if followed:
            await served.call("list_by_link", page_token=told["next_page_token"])
            assert served.replay.seen[1].query == [("size", "2"), ("cursor", "0:2:0")]


async def test_a_link_to_a_page_that_holds_nothing_is_the_end(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made()))) as served:
        for results, goes_on in (("false", False), ("true", True)):
            there = f"{served.replay.url}/x?cursor=0:0:1"
            link = f'<{there}>; rel="previous"; results="false", <{there}>; rel="next"; results="{results}"; cursor="a"'
            served.replay.plays.append(Play(body=[1], headers={"Link": link}))
            assert ("next_page_token" in (await served.call("list_by_link")).told) == goes_on


def test_a_header_may_tell_seconds_instead_of_a_moment():
    limit = msgspec.structs.replace(github().rate_limit, reset_is="seconds")
    connector = msgspec.structs.replace(github(), rate_limit=limit)
    reply = Reply(429, {"x-ratelimit-reset": "30"}, b"")
    assert answers.wait(connector, reply, 1_800_000_000.0) == 30.0
    assert answers.wait(github(), reply, 1_800_000_000.0) == 0.0
    assert answers.wait(connector, Reply(429, {"x-ratelimit-reset": "30", "retry-after": "7"}, b""), 0.0) == 7.0


async def test_each_item_of_a_list_becomes_an_object(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made()))) as served:
        served.replay.plays += [Play(body={}), Play(body={})]
        await served.call("group", by=["a", "b"])
        await served.call("group")
        bodies = [json.loads(request.body) for request in served.replay.seen]
        assert bodies == [{"by": [{"top": 3, "facet": "a"}, {"top": 3, "facet": "b"}]}, {}]


def test_each_is_for_lists_in_a_body(tmp_path: Path):
    for param in ({"type": "string", "in": "body"}, {"type": "array", "items": "string", "in": "query"}):
        connector = made()
        connector["tools"][-1]["params"] = {"by": {**param, "each": {"key": "facet"}}}
        with pytest.raises(ConfigError) as caught:
            reading.read(written(tmp_path, connector))
        assert any("each: is for lists in a body" in finding for finding in caught.value.findings)
