"""Creations that are sent again: to the same process, after a restart, to another process at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from tests.admin.site import Site
from tests.control.company import LOCAL, company
from tests.running import Gateway, Installation
from toolgate.control.repeating import Repeat, Repeated
from toolgate.model.entities import Team
from toolgate.model.remembered import Remembered


async def sent(gateway: Gateway, path: str, body: dict[str, Any], key: str = "once") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {gateway.local}", "Idempotency-Key": key}
    async with httpx2.AsyncClient(timeout=30) as http:
        return await http.post(f"{gateway.url}/api/v1{path}", json=body, headers=headers)


def told(answer: httpx2.Response) -> tuple[Any, ...]:
    return (answer.status_code, answer.content, answer.headers["etag"], answer.headers.get("location"))


@pytest.mark.promise("api.repeats")
async def test_after_a_restart_it_is_answered_as_the_first_time(tmp_path: Path):
    installation = Installation(tmp_path, {"servers": {"demo": {"kind": "echo"}}})
    team, server = {"name": "blue"}, {"name": "mine", "kind": "echo"}
    with installation.up() as gateway:
        first = [told(await sent(gateway, "/teams", team)), told(await sent(gateway, "/servers", server))]
        assert [status for status, *_ in first] == [201, 201]
        minted = await sent(gateway, "/keys", {"name": "laptop"})
        again = await sent(gateway, "/keys", {"name": "laptop"})
        assert (told(minted), minted.status_code) == (told(again), 201)
        clear = minted.json()["key"]
    with installation.up() as gateway:
        assert [told(await sent(gateway, "/teams", team)), told(await sent(gateway, "/servers", server))] == first
        assert (await sent(gateway, "/teams", {"name": "red"})).status_code == 422
        late = await sent(gateway, "/keys", {"name": "laptop"})
        assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")
        assert "rotate it" in late.json()["detail"]
        assert late.json()["current"]["name"] == "laptop"
        assert (await sent(gateway, "/keys", {"name": "desk"})).status_code == 422
    written = [path.read_bytes() for path in installation.data.rglob("*") if path.is_file()]
    assert b'"laptop' in b"".join(written)
    assert not any(clear.encode() in content for content in written)


@pytest.mark.promise("api.repeats")
async def test_two_processes_that_are_asked_at_once_create_once(tmp_path: Path):
    repeat = Repeat("/teams once", "digest", lambda made: msgspec.json.encode(made.stamp.id).decode())
    async with company(tmp_path) as one, company(tmp_path) as other:
        asked = (two.administration.create(LOCAL, Team(name="blue"), repeat=repeat) for two in (one, other))
        made, repeated = await asyncio.gather(*asked, return_exceptions=True)
        if isinstance(made, Repeated):
            made, repeated = repeated, made
        assert isinstance(made, Team)
        assert isinstance(repeated, Repeated)
        assert repeated.remembered == Remembered("digest", f'"{made.stamp.id}"')
        assert await one.seq() == 1


@pytest.mark.promise("api.repeats")
@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside"])
async def test_an_unusable_key_is_refused(site: Site, key: str):
    answer = await site.ask("POST", "/teams", {"name": "blue"}, headers={"Idempotency-Key": key})
    assert answer.status == 400
    assert (await site.ask("GET", "/teams/blue")).status == 404
