"""What is particular to Notion: errors by code, pages in the body, and what an administrator allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.serving import serving
from tests.ports.speaking import ALL
from toolgate.model.errors import ConfigError

PAGE = "b55c9c91-384d-452b-81db-d1ef79372b75"
OTHER = "d9824bdc-8445-4327-be8b-5b47500af6ce"

ERRORS = [
    (400, "validation_error", "invalid", "those of get_data_source"),
    (401, "unauthorized", "unauthorized", "must renew it"),
    (403, "restricted_resource", "forbidden", "lacks this capability"),
    (404, "object_not_found", "not_found", "is not shared with the integration"),
    (409, "conflict_error", "conflict", "read it again"),
]


@pytest.mark.parametrize(("status", "said", "code", "hint"), ERRORS)
async def test_errors_tell_what_to_do(tmp_path: Path, status: int, said: str, code: str, hint: str):
    async with serving(tmp_path, Replay([]), connector="notion") as served:
        body = {"object": "error", "status": status, "code": said, "message": "Told by them.", "request_id": "r"}
        served.replay.plays.append(Play(status, body))
        told = await served.wrong("update_page", page_id=PAGE, title="x")
        assert told.startswith(f"update_page: {code} (status {status}): Told by them; ")
        assert hint in told


async def test_a_search_goes_on_in_the_body(tmp_path: Path):
    def played(id_: str, cursor: str | None) -> Play:
        return Play(body={"results": [{"id": id_}], "next_cursor": cursor, "has_more": cursor is not None})

    async with serving(tmp_path, Replay([]), connector="notion") as served:
        served.replay.plays += [played("1", "next-1"), played("2", None)]
        first = (await served.call("search", query="a", limit=1)).told
        last = (await served.call("search", query="a", limit=1, page_token=first["next_page_token"])).told
        assert [first["rows"][0]["id"], last["rows"][0]["id"]] == ["1", "2"]
        assert "next_page_token" not in last
        bodies = [json.loads(request.body) for request in served.replay.seen]
        assert [body.get("start_cursor") for body in bodies] == [None, "next-1"]
        assert [body["page_size"] for body in bodies] == [1, 1]


async def test_only_allowed_pages_are_read_and_written(tmp_path: Path):
    members: dict[str, Any] = {"connector": "notion", "allow": {"pages": (PAGE,)}}
    async with serving(tmp_path, Replay([]), **members) as served:
        offered = {offer.name for offer in (await served.upstream.discover(ALL)).offers}
        assert {"get_page_markdown", "create_page", "append_blocks", "list_comments", "add_comment"} <= offered
        assert not {"search", "query_data_source", "create_row", "get_database"} & offered
        for name, more in (("get_page", {}), ("create_page", {"title": "x"}), ("list_comments", {})):
            assert "is not among the pages" in await served.wrong(name, page_id=OTHER, **more)
        assert served.replay.seen == []
        served.replay.plays.append(Play(body={"id": PAGE}))
        assert (await served.call("get_page", page_id=PAGE.upper())).told["id"] == PAGE


async def test_a_row_names_its_title_once(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="notion") as served:
        given = {"title": [{"text": {"content": "other"}}]}
        told = await served.wrong("create_row", data_source_id=OTHER, title="x", properties=given)
        assert "title: stands where another argument has put something else" in told
        assert served.replay.seen == []


async def test_the_token_goes_to_notion_alone(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"evil\.example is not among the hosts"):
        async with serving(tmp_path, Replay([]), connector="notion", variables={"base_url": "https://evil.example"}):
            pass
