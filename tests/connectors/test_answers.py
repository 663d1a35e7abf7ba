"""What products answer: pages, sizes, errors, haste; and what a model gives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import shop, tool, written
from tests.connectors.serving import Serving, github, serving
from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.connector import answers
from toolgate.upstreams.connector.answers import Reply

REPO = {"owner": "octocat", "repo": "hello-world"}
bounded = pytest.mark.promise("connectors.bounded")


def commits(start: int, count: int, size: int = 10) -> list[dict[str, Any]]:
    return [{"sha": str(n), "commit": {"message": "m" * size}} for n in range(start, start + count)]


async def everything(served: Serving, name: str, **arguments: Any) -> list[Any]:
    """All rows of all pages, by the tokens."""
    rows: list[Any] = []
    token: dict[str, Any] = {}
    for _ in range(100):
        told = (await served.call(name, **arguments, **token)).told
        rows += told["rows"]
        if "next_page_token" not in told:
            return rows
        token = {"page_token": told["next_page_token"]}
    raise AssertionError("the pages have no end")


@bounded
async def test_rows_that_do_not_fit_are_had_by_the_next_token(tmp_path: Path):
    async with serving(tmp_path, Replay([]), result_bytes=2048) as served:
        link = {"Link": f'<{served.replay.url}/x?page=2>; rel="next"'}
        first, second = commits(0, 20, 300), commits(20, 5, 300)
        served.replay.plays.append(Play(body=first, headers=link))
        told = (await served.call("list_commits", **REPO)).told
        assert told["truncated"] is True
        assert told["note"] == f"{len(told['rows'])} of 20 rows: more do not fit into one answer"
        assert 1 < len(told["rows"]) < 20
        rows, token = told["rows"], told["next_page_token"]
        while token is not None:
            page = 2 if len(rows) >= 20 else 1
            served.replay.plays.append(Play(body=second) if page == 2 else Play(body=first, headers=link))
            told = (await served.call("list_commits", **REPO, page_token=token)).told
            assert dict(served.replay.seen[-1].query).get("page", "1") == str(page)
            rows, token = rows + told["rows"], told.get("next_page_token")
        assert [row["sha"] for row in rows] == [str(n) for n in range(25)]


@bounded
async def test_one_row_that_is_too_large_is_shortened_and_passed_by(tmp_path: Path):
    async with serving(tmp_path, Replay([]), result_bytes=2048) as served:
        served.replay.plays.append(Play(body=commits(0, 1, 50_000) + commits(1, 1)))
        told = (await served.call("list_commits", **REPO)).told
        assert told["rows"][0]["message"].endswith("(cut, 50000 characters)")
        served.replay.plays.append(Play(body=commits(0, 1, 50_000) + commits(1, 1)))
        more = (await served.call("list_commits", **REPO, page_token=told["next_page_token"])).told
        assert [row["sha"] for row in more["rows"]] == ["1"]


@bounded
async def test_a_large_object_and_a_large_text_are_cut_and_say_so(tmp_path: Path):
    async with serving(tmp_path, Replay([]), result_bytes=2048) as served:
        served.replay.plays.append(Play(body={"number": 1, "body": "é" * 9000}))
        told = (await served.call("get_issue", **REPO, number=1)).told
        assert told["number"] == 1
        assert told["truncated"] is True
        assert "(cut, 9000 characters)" in told["body"]
        served.replay.plays.append(Play(body=("line\n" * 1000).encode()))
        told = (await served.call("get_file_contents", **REPO, path="a")).told
        assert told["truncated"] is True
        assert set(told["text"].split("\n")) == {"line"}
        assert told["note"].endswith("of 5000 characters")
        served.replay.plays.append(Play(body=b"\xff\xfe\x00"))
        assert "this is no text: 3 bytes" in await served.wrong("get_file_contents", **REPO, path="a")


@bounded
async def test_an_answer_beyond_all_bounds_is_the_products_failure(tmp_path: Path):
    async with serving(tmp_path, Replay([]), max_bytes=10_000) as served:
        served.replay.plays.append(Play(body=commits(0, 50, 500)))
        with pytest.raises(UpstreamFailed, match="larger than the limit of 10000 bytes"):
            await served.call("list_commits", **REPO)
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays.append(Play(body=commits(0, 100, 20_000)))
        assert (await served.call("list_commits", **REPO, limit=100)).told["truncated"] is True


@bounded
@pytest.mark.parametrize("name", ["list_by_page", "list_by_offset", "list_by_cursor"])
async def test_each_style_of_pages_gives_every_row_once(tmp_path: Path, name: str):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, shop()))) as served:
        pages = [[1, 2], [3, 4], [5]]
        for number, page in enumerate(pages):
            more = {"next": f"c{number + 1}"} if number < 2 else {"next": ""}
            served.replay.plays.append(Play(body={"items": page, "total": 5, **more} if "cursor" in name else page))
        assert await everything(served, name) == [1, 2, 3, 4, 5]
        asked = [dict(request.query) for request in served.replay.seen]
        assert {query["size"] for query in asked} == {"2"}
        wanted = {
            "list_by_page": [{"page": "1"}, {"page": "2"}, {"page": "3"}],
            "list_by_offset": [{"at": "0"}, {"at": "2"}, {"at": "4"}],
            "list_by_cursor": [{}, {"cursor": "c1"}, {"cursor": "c2"}],
        }[name]
        assert [{key: value for key, value in query.items() if key != "size"} for query in asked] == wanted


ERRORS = [
    (400, "bad_request"), (401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (405, "not_mergeable"),
    (409, "conflict"), (410, "gone"), (422, "invalid"), (429, "rate_limited"), (500, "unavailable"),
    (502, "unavailable"), (503, "unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), ERRORS)
async def test_each_error_has_a_code_and_a_next_step(tmp_path: Path, status: int, code: str):
    async with serving(tmp_path, Replay([])) as served:
        errors = [{"resource": "Issue", "field": "title", "code": "missing"}]
        served.replay.plays.append(Play(status, {"message": "Told by\nthem", "errors": errors, "stack": "line 1"}))
        told = await served.wrong("create_issue", **REPO, title="x")
        assert told.startswith(f"create_issue: {code} (status {status}): ")
        assert ("Told by them Issue title missing; " in told) == (status < 500)
        assert "stack" not in told
        assert len(served.replay.seen) == 1, "a write is never sent again"


async def test_a_body_that_is_no_error_object_does_no_harm(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        for body in (b"<html>nope</html>", b"", b"[1]", b'{"message": 3, "errors": "x"}', b"\xff"):
            served.replay.plays.append(Play(422, body))
            assert "invalid (status 422): check the arguments" in await served.wrong("get_me")
        for body in (b"<html>", b"[" * 5000 + b"]" * 5000):
            served.replay.plays.append(Play(200, body))
            with pytest.raises(UpstreamFailed, match="not JSON"):
                await served.call("get_me")
        served.replay.plays.append(Play(200, {"a": 1}))
        with pytest.raises(UpstreamFailed, match="holds no list"):
            await served.call("list_commits", **REPO)


async def test_an_error_with_status_200_is_an_error(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, shop()))) as served:
        served.replay.plays.append(Play(200, {"ok": False, "error": "channel_not_found"}))
        told = await served.wrong("get_thing", id="1")
        assert told == "get_thing: refused (status 200): channel_not_found; check the arguments"


@bounded
@pytest.mark.parametrize("status", [429, 503])
async def test_who_is_told_to_come_later_does_once_where_it_does_no_harm(tmp_path: Path, status: int):
    async with serving(tmp_path, Replay([])) as served:
        later = Play(status, {}, {"Retry-After": "0"})
        served.replay.plays += [later, later, Play(body={"login": "x"})]
        assert (await served.call("get_me")).told["login"] == "x"
        served.replay.plays += [later, later, later]
        assert "ask again in 0 seconds" in await served.wrong("get_me")
        assert len(served.replay.seen) == 6
        served.replay.plays.append(later)
        await served.wrong("create_issue", **REPO, title="x")
        assert len(served.replay.seen) == 7


@bounded
async def test_who_is_told_to_come_much_later_is_told_so_at_once(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays.append(Play(429, {}, {"Retry-After": "3600"}))
        assert "rate_limited (status 429): ask again in 3600 seconds" in await served.wrong("get_me")
        served.replay.plays.append(Play(429, {}, {"Retry-After": "15"}))
        assert "ask again in 15 seconds" in await served.wrong("list_commits", **REPO)
        exhausted = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(datetime.now(UTC).timestamp()) + 900)}
        served.replay.plays.append(Play(403, {"message": "API rate limit exceeded"}, exhausted))
        told = await served.wrong("get_repository", **REPO)
        assert "rate_limited (status 403): API rate limit exceeded; ask again in " in told
        assert len(served.replay.seen) == 3


def test_retry_after_is_read_in_both_forms():
    now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    said = {
        "7": 7.0,
        format_datetime(now + timedelta(seconds=30), usegmt=True): 30.0,
        "-5": 0.0,
        "soon": None,
        "nan": None,
        "inf": None,
    }
    for text, seconds in said.items():
        assert answers.wait(github(), Reply(429, {"retry-after": text}, b""), now.timestamp()) == seconds


@bounded
async def test_a_slow_product_is_not_waited_for_without_end(tmp_path: Path):
    held = asyncio.Event()
    async with serving(tmp_path, Replay([]), timeout=0.2) as served:
        served.replay.plays.append(Play(hold=held))
        with pytest.raises(UpstreamFailed, match=r"no answer within 0\.2 s"):
            await served.call("get_me")
        served.replay.plays.append(Play(body={"login": "x"}))
        assert (await served.call("get_me")).told["login"] == "x"


async def test_steps_bind_what_was_found_and_say_what_is_missing(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, shop()))) as served:
        one = Play(body={"id": "../a/b", "name": "n"})
        served.replay.plays += [one, Play(202), Play(202), Play(body={"name": "m"})]
        assert (await served.call("get_both")).told == {"one": "n", "two": "m"}
        assert served.replay.seen[-1].path == "/two/..%2Fa%2Fb"
        served.replay.plays += [one, Play(202), Play(202), Play(202)]
        told = (await served.call("get_both")).told
        assert told == {"one": "n", "two": None, "note": "not known at the moment: two; ask again in a minute"}
        served.replay.plays.append(Play(body={"name": "n"}))
        assert "found could not be found out" in await served.wrong("get_both")
        served.replay.plays += [Play(body={"id": {"x": 1}})]
        assert "what was found for found cannot be used" in await served.wrong("get_both")
        served.replay.plays.append(Play(404, {"error": "gone away"}))
        assert "not_found (status 404): gone away" in await served.wrong("get_both")


async def test_forms_deep_bodies_lists_and_moments(tmp_path: Path):
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, shop()))) as served:
        served.replay.plays += [Play(body={})] * 4
        await served.call("send_form", text="a&b=c", on=True)
        assert served.replay.seen[0].body == b"text=a%26b%3Dc&on=true"
        await served.call("send_deep", summary="s", more={"x": [1]})
        assert served.replay.seen[1].body == b'{"fields":{"summary":"s","more":{"x":[1]}}}'
        await served.call("get_thing", id="1", many=[1, 2], since="2027-01-31T12:00:00Z", q="a b")
        assert served.replay.seen[2].query == [("q", "a b"), ("many", "1"), ("many", "2"), ("since", "1801396800")]
        assert "as 2027-01-31T12:00:00Z" in await served.wrong("get_thing", id="1", since="yesterday")


async def test_a_file_that_is_not_there_is_made_without_a_sha(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays += [Play(404, {}), Play(201, {"content": {"path": "a"}, "commit": {"sha": "c"}})]
        told = (await served.call("create_or_update_file", **REPO, path="a", content="x", message="m", branch="b")).told
        assert told["path"] == "a"
        assert "note" not in told
        assert b'"sha"' not in served.replay.seen[1].body


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("list_issues", {"owner": "o"}, "the argument 'repo' is missing (Name without the owner, as hello-world)"),
        ("list_issues", {**REPO, "stat": "open"}, "there is no argument 'stat' (did you mean `state`?)"),
        ("list_issues", {**REPO, "state": "opened"}, "state: must be one of open, closed, all"),
        ("list_issues", {**REPO, "labels": "bug"}, "labels: expected a list"),
        ("list_issues", {**REPO, "labels": ["bug", 3]}, "labels: item 1: expected a text"),
        ("list_issues", {**REPO, "limit": 101}, "limit: expected a whole number from 1 to 100"),
        ("list_issues", {**REPO, "limit": True}, "limit: expected a whole number"),
        ("get_issue", {**REPO, "number": "7"}, "number: expected a whole number (Its number, as 42)"),
        ("get_issue", {**REPO, "number": 0}, "number: must be at least 1"),
        ("get_issue", {**REPO, "number": 1.5}, "number: expected a whole number"),
        ("get_issue", {"owner": "a/b", "repo": "x", "number": 1}, "owner: does not have the form"),
        ("get_issue", {"owner": "a\nb", "repo": "x", "number": 1}, "owner: does not have the form"),
        ("get_issue", {"owner": "a\n", "repo": "x", "number": 1}, "owner: does not have the form"),
        ("get_issue", {"owner": "a", "repo": "..", "number": 1}, "repo: an empty part, `.` and `..`"),
        ("create_issue", {**REPO, "title": ""}, "title: must not be empty"),
        ("create_issue", {**REPO, "title": "x" * 257}, "title: longer than 256 characters"),
        ("create_branch", {**REPO, "branch": "x", "sha": "abc"}, "there is no argument 'sha'"),
    ],
)
async def test_an_argument_that_does_not_fit_is_told_so_that_it_can_be_mended(
    tmp_path: Path, name: str, arguments: dict[str, Any], reason: str
):
    async with serving(tmp_path, Replay([])) as served:
        told = await served.wrong(name, **arguments)
        assert told.startswith(f"{name}: {reason}")
        assert served.replay.seen == []


@bounded
@pytest.mark.parametrize("depth", [70, 900])
async def test_what_nests_too_deep_is_not_passed_on(tmp_path: Path, depth: int):
    made = shop()
    made["tools"] = [tool("get_all"), tool("get_less", drop=["x"]), tool("get_name", result="name")]
    deep = b'{"name":"ok","x":[],"deep":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made))) as served:
        served.replay.plays += [Play(body=deep)] * 3
        for name in ("get_all", "get_less"):
            assert "nests too deep" in await served.wrong(name)
        assert (await served.call("get_name")).told == {"result": "ok"}
