"""The records of calls over the API: whose they are, who else may see them, how it says no, and that it is told."""

from __future__ import annotations

import json
import logging

import httpx2
import pytest

from tests.admin.site import NOBODY, Site
from tests.journeys.wire import Wire
from toolgate.model.records import AUDIT_LOG

SECONDS = 30.0


async def called(site: Site, who: str) -> set[str]:
    answer = await site.ask("GET", "/calls?limit=1000", who=who)
    assert answer.status == 200
    return {call["principal"] for call in json.loads(answer.body)["calls"]}


async def lists(site: Site, who: str) -> None:
    """One call, whose record is written before this answers."""
    headers = {"Authorization": f"Bearer {site.keys[who]}"}
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        await Wire(http, f"{site.url}/mcp", site.keys[who]).ask("tools/list")
        written = {**headers, "Accept": "text/event-stream"}
        key = {"member": "key:key-member", NOBODY: "key:key-nobody"}[who]
        async with http.stream("GET", f"{site.url}/api/v1/calls?follow&limit=1000", headers=written) as followed:
            async for line in followed.aiter_lines():
                if line.startswith("data:") and json.loads(line.removeprefix("data:"))["principal"] == key:
                    return
    raise AssertionError("its record did not come")


@pytest.mark.promise("api.calls")
async def test_everyone_sees_their_own_and_who_reads_the_audit_all(site: Site):
    await lists(site, "member")
    await lists(site, NOBODY)
    both = {"key:key-member", "key:key-nobody"}
    assert await called(site, NOBODY) == {"key:key-nobody"}
    assert await called(site, "member") == {"key:key-member"}
    for who in ("local", "owner", "admin", "auditor"):
        assert await called(site, who) >= both, who
    for who in ("publisher", "approver"):
        assert not await called(site, who) & both, who


@pytest.mark.promise("api.calls")
@pytest.mark.parametrize(
    ("method", "query", "who", "status"),
    [
        ("GET", "", None, 401),
        ("POST", "", "local", 405),
        ("GET", "?limit=x", "local", 400),
        ("GET", "?limit=1001", "local", 400),
        ("GET", "?limit=1&limit=2", "local", 400),
        ("GET", "?since=1", "local", 400),
    ],
)
async def test_it_says_no_as_the_rest_does(site: Site, method: str, query: str, who: str | None, status: int):
    answer = await site.ask(method, f"/calls{query}", who=who)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(answer.body)["status"] == status


@pytest.mark.promise("api.reads-told")
async def test_who_reads_of_others_is_named(site: Site, caplog: pytest.LogCaptureFixture):
    logging.getLogger(AUDIT_LOG).setLevel(logging.INFO)
    said: list[tuple[str, str]] = []
    for who, path in (("member", "/calls"), ("auditor", "/calls"), ("local", "/calls"), ("auditor", "/audit")):
        caplog.clear()
        await site.ask("GET", path, who=who)
        found = [record for record in caplog.records if record.name == AUDIT_LOG]
        said.append((" ".join(record.getMessage() for record in found), path))
    assert said == [
        ("", "/calls"),
        ("key:key-auditor reads the records of every caller", "/calls"),
        ("key:local reads the records of every caller", "/calls"),
        ("key:key-auditor reads the audit after 0 (up to 100 changes)", "/audit"),
    ]
    caplog.clear()
    assert (await site.ask("GET", "/audit", who="member")).status == 403
    assert not [record for record in caplog.records if record.name == AUDIT_LOG]
