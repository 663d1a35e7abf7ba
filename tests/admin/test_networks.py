"""Keys that are for certain networks, at the API as at the MCP endpoints."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.running import Gateway, Installation
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.entities import Key, User
from toolgate.stores.ownership import find_running

PROXIED = ("--behind-proxy", "--public-url", "https://gateway.example", "--trusted-proxies", "127.0.0.1/32")
INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.1"


async def keys(gateway: Gateway) -> dict[str, str]:
    """Keys of one person: for this machine, for a network elsewhere, for both."""
    networks = {"here": ("127.0.0.0/8",), "there": ("10.0.0.0/8",)}
    running = find_running(gateway.data)
    assert running is not None
    async with Administration(Place(running.url, "", gateway.local)) as api:
        await api.create(User(name="jane"))
        return {
            name: (await api.mint(Key(name=name, digest="", owner="user:jane", networks=allowed, observer=True))).clear
            for name, allowed in networks.items()
        }


async def status(gateway: Gateway, path: str, key: str, forwarded: str | None = None, body: bytes = b"") -> int:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if forwarded is not None:
        headers |= {"Host": "gateway.example", "X-Forwarded-For": forwarded}
    running = find_running(gateway.data)
    assert running is not None
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.request("POST" if body else "GET", f"{running.url}{path}", headers=headers, content=body)
    if answer.status_code == 403:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "certain networks" in answer.json()["detail"]
    return answer.status_code


@pytest.mark.promise("api.networks")
async def test_a_key_is_good_from_its_networks_only(tmp_path: Path):
    large = b'{"name":"' + b"x" * 100_000 + b'"}'
    with Installation(tmp_path, {"servers": {"demo": {"kind": "echo"}}}).up() as gateway:
        made = await keys(gateway)
        for path in ("/api/v1/me", "/api/v1/keys", "/api/v1/calls", "/metrics"):
            assert await status(gateway, path, made["here"]) == 200
            assert await status(gateway, path, made["there"]) == 403
        assert await status(gateway, "/api/v1/keys", made["there"], body=large) == 403
        running = find_running(gateway.data)
        assert running is not None
        async with httpx2.AsyncClient(timeout=30) as http:
            for name, told in (("here", True), ("there", False)):
                headers = {"Authorization": f"Bearer {made[name]}"}
                answer = await http.get(f"{running.url}/readyz?verbose", headers=headers)
                assert ("names_down" in answer.json()["upstreams"]) is told


@pytest.mark.promise("api.networks")
async def test_behind_a_proxy_the_address_is_the_one_that_it_saw(tmp_path: Path):
    with Installation(tmp_path, {"servers": {"demo": {"kind": "echo"}}}).up(*PROXIED) as gateway:
        made = await keys(gateway)
        for path in ("/api/v1/me", "/api/v1/calls"):
            assert await status(gateway, path, made["there"], INSIDE) == 200
            assert await status(gateway, path, made["there"], f"{INSIDE}, {OUTSIDE}") == 403
            assert await status(gateway, path, made["there"], f"{OUTSIDE}, {INSIDE}") == 200
            assert await status(gateway, path, made["here"], INSIDE) == 403
