"""Jira and Confluence: what their products say when it does not go well, how their lists go on, and what an
administrator narrows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.serving import fixture, serving
from toolgate.model.errors import ConfigError
from toolgate.upstreams import connector
from toolgate.upstreams.connector import narrowing, reading
from toolgate.upstreams.connector.sending import base_of

PAGE: dict[str, Any] = {"id": "131074", "title": "Plan", "spaceId": "98306", "version": {"number": 3}}


def offered(id_: str, **allow: tuple[str, ...]) -> set[str]:
    settings = connector.Settings(connector=id_, allow=allow)
    return {tool.name for tool in narrowing.offered(reading.read(reading.INCLUDED / id_), settings)}


@pytest.mark.parametrize("id_", ["jira", "confluence"])
def test_the_address_is_a_site_or_the_gateway_for_tokens_with_scopes(id_: str):
    made = reading.read(reading.INCLUDED / id_)
    cloud = f"/ex/{id_}/11111111-2222-3333-4444-555555555555"
    assert base_of(made, {"base_url": f"https://api.atlassian.com{cloud}"}).path == cloud
    with pytest.raises(ConfigError, match="https"):
        base_of(made, {"base_url": "http://acme.atlassian.net"})
    assert made.variables["base_url"].default is None


ERRORS = [
    (400, {"errorMessages": [], "errors": {"customfield_1": "Option is not valid"}},
     "bad_request (status 400): Option is not valid; fields: customfield_1; these fields do not fit: "),
    (400, {"errorMessages": ["The JQL query is unbounded"], "errors": {}},
     "bad_request (status 400): The JQL query is unbounded; check the arguments"),
    (401, {"code": 401, "message": "Unauthorized; scope does not match"}, "(status 401): Unauthorized; scope does not"),
    (404, {"errorMessages": ["Issue does not exist"]}, "not_found (status 404): Issue does not exist; it does"),
    (403, None, "forbidden (status 403): the account may not do this"),
    (500, {"errorMessages": ["a stack"]}, "unavailable (status 500): it is not"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "said"), ERRORS)
async def test_jiras_errors_are_told(tmp_path: Path, status: int, body: Any, said: str):
    async with serving(tmp_path, Replay([]), connector="jira") as served:
        served.replay.plays.append(Play(status, body))
        assert said in await served.wrong("create_issue", project="ACME", type="Bug", summary="x")


@pytest.mark.parametrize("id_", ["jira", "confluence"])
async def test_a_moment_to_wait_for_is_told(tmp_path: Path, id_: str):
    name, given = ("get_issue", {"issue": "A-1"}) if id_ == "jira" else ("get_page", {"page_id": "1"})
    async with serving(tmp_path, Replay([]), connector=id_) as served:
        served.replay.plays.append(Play(429, headers={"X-RateLimit-Reset": "2099-01-01T00:00Z"}))
        assert "rate_limited (status 429): ask again in " in await served.wrong(name, **given)
        assert "ask again in 3600 seconds" in await served.wrong(name, **given)
        assert len(served.replay.seen) == 1


async def test_confluences_errors_are_told_and_a_page_that_changed_is_not_replaced(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="confluence") as served:
        conflict = {
            "errors": [{"status": 409, "code": "CONFLICT", "title": "Version must be incremented", "detail": None}]
        }
        served.replay.plays += [Play(body={**PAGE, "version": {"number": 9}}), Play(409, conflict)]
        said = await served.wrong("update_page", page_id="131074", version=3, body="x")
        assert said.startswith(
            "update_page: conflict (status 409): Version must be incremented; it was changed meanwhile"
        )
        assert b'"number":4' in served.replay.seen[-1].body
        served.replay.plays.append(Play(400, {"statusCode": 400, "message": "Could not parse cql"}))
        assert "Could not parse cql" in await served.wrong("search_content", cql="(")


async def test_a_search_in_jira_goes_on_by_its_token(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="jira") as served:
        issues = [{"key": "A-1", "fields": {}}]
        served.replay.plays.append(Play(body={"issues": issues, "nextPageToken": "t1"}))
        told = (await served.call("search_issues", jql="project = A", limit=1)).told
        served.replay.plays.append(Play(body={"issues": issues, "nextPageToken": "t2", "isLast": True}))
        more = (await served.call("search_issues", jql="project = A", limit=1, page_token=told["next_page_token"])).told
        asked = dict(served.replay.seen[-1].query)
        assert (asked["nextPageToken"], asked["maxResults"], asked["jql"]) == ("t1", "1", "project = A")
        assert "next_page_token" not in more


async def test_lists_in_confluence_go_on_by_the_link_within_them(tmp_path: Path):
    search = "/rest/api/search?next=true&cursor=a%3D&limit=20&start=20&cql=x"
    for name, given, link in (
        ("search_content", {"cql": "x"}, search),
        ("list_pages", {"space_id": "98306"}, "/wiki/api/v2/spaces/98306/pages?limit=20&cursor=a%3D"),
    ):
        async with serving(tmp_path, Replay([]), connector="confluence") as served:
            served.replay.plays.append(Play(body={"results": [], "_links": {"next": link}}))
            told = (await served.call(name, **given)).told
            served.replay.plays.append(Play(body={"results": [], "_links": {}}))
            more = (await served.call(name, **given, page_token=told["next_page_token"])).told
            first, second = served.replay.seen
            assert second.path == first.path
            wanted = {**dict(first.query), "cursor": "a="}
            assert dict(second.query) == (wanted | {"next": "true"} if name == "search_content" else wanted)
            assert "next_page_token" not in more


async def test_a_long_page_is_read_on_from_where_it_was_cut(tmp_path: Path):
    text = "".join(f"{number:05} " for number in range(3000))
    async with serving(tmp_path, Replay([]), connector="confluence", result_bytes=10_000) as served:
        start, found = 0, ""
        while len(found) < len(text):
            value = {"atlas_doc_format": {"value": text}}
            served.replay.plays += [Play(body={**PAGE, "body": value}), Play(401)]
            told = (await served.call("get_page", page_id="131074", start=start)).told
            assert told["labels"] is None
            found += told["body"].partition("... (cut, ")[0]
            start = len(found)
        assert found == text
        assert len(served.replay.seen) == 2 * 3


async def test_jira_is_narrowed_to_projects(tmp_path: Path):
    assert offered("jira", projects=("ACME",)) == {
        "get_myself", "find_user", "get_issue_types", "get_create_fields", "get_issue", "create_issue", "update_issue",
        "add_comment", "get_transitions", "transition_issue", "add_worklog",
    }  # fmt: skip
    played = fixture("jira", "get_issue.json")["exchanges"]
    async with serving(tmp_path, Replay(played), connector="jira", allow={"projects": ("ACME",)}) as served:
        for name, given in (
            ("get_issue", {"issue": "SECRET-1"}),
            ("get_issue", {"issue": "ACMEX-1"}),
            ("create_issue", {"project": "SECRET", "type": "Bug", "summary": "x"}),
            ("create_issue", {"project": "ACME", "type": "Bug", "summary": "x", "parent": "SECRET-1"}),
            ("update_issue", {"issue": "ACME-42", "parent": "SECRET-1"}),
        ):
            assert "is not among the projects that are allowed here: ACME" in await served.wrong(name, **given)
        moved = {"project": "ACME", "type": "Bug", "summary": "x", "custom_fields": {"project": {"key": "SECRET"}}}
        assert "custom_fields: 'project' does not have the form" in await served.wrong("create_issue", **moved)
        assert served.replay.seen == []
        assert (await served.call("get_issue", issue="ACME-42")).told["key"] == "ACME-42"


async def test_confluence_is_narrowed_to_spaces(tmp_path: Path):
    names = {"list_pages", "get_page", "create_page", "update_page", "add_comment"}
    assert offered("confluence", spaces=("98306",)) == names
    allow = {"spaces": ("98306",)}
    async with serving(tmp_path, Replay([]), connector="confluence", allow=allow) as served:
        elsewhere = {**PAGE, "title": "Salaries", "spaceId": "77"}
        for name, more in (
            ("get_page", {}),
            ("add_comment", {"body": "x"}),
            ("update_page", {"body": "x", "version": 3}),
        ):
            served.replay.plays.append(Play(body=elsewhere))
            said = await served.wrong(name, page_id="131074", **more)
            assert said == f"{name}: 77 is not among the spaces that are allowed here: 98306"
        assert [request.method for request in served.replay.seen] == ["GET"] * 3
        served.replay.plays += [Play(body=PAGE), Play(body={"results": []})]
        assert (await served.call("get_page", page_id="131074")).told["title"] == "Plan"
