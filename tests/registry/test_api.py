"""The registry API of a real gateway: what it answers, to whom, and that it tells nobody of what they may not see."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.journeys.terminal import Terminal
from tests.registry.shapes import LIST, ONE, conforms
from tests.running import ALL, Gateway, Installation, toolgate

SECONDS = 20.0
LIVE_SECONDS = 1.0
"""How long a change may take to act, once its command has ended."""

SPACE = "internal.toolgate"
BLUE: dict[str, Any] = {"blue-a": {"kind": "echo"}, "blue-b": {"kind": "echo"}}
RED: dict[str, Any] = {"red-a": {"kind": "echo"}}
DESK: dict[str, Any] = {
    "blue-desk": {"description": "What the desk needs", "offers": [{"server": "blue-a", "tools": ["echo"]}]}
}
TEAMS = {"ann": {"teams": ["blue"]}, "rob": {"teams": ["red"]}}


def company(servers: dict[str, Any]) -> dict[str, Any]:
    grants = [{"team": team, "allow": {**ALL, "servers": [f"{team}-*"]}} for team in ("blue", "red")]
    found = [grant for grant in grants if any(name.startswith(grant["team"]) for name in servers)]
    return {"servers": servers, "virtual": DESK, "teams": {"blue": {}, "red": {}}, "grants": found}


class Reader:
    """A client of the registry, with a key or without."""

    def __init__(self, url: str, key: str | None = None, origin: str | None = None) -> None:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._headers = headers | ({} if origin is None else {"origin": origin})
        self._url = url

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self._url}{path}", headers=self._headers, timeout=SECONDS)

    def list(self, query: str = "", path: str = "/v0.1/servers") -> list[str]:
        """The names of one page that is as it should be."""
        answer = self.get(f"{path}{query}")
        assert answer.status_code == 200, answer.text
        conforms(answer.json(), LIST)
        assert answer.json()["metadata"]["count"] == len(answer.json()["servers"])
        return [one["server"]["name"].removeprefix(f"{SPACE}/") for one in answer.json()["servers"]]

    def one(self, name: str, version: str = "latest") -> httpx2.Response:
        return self.get(f"/v0.1/servers/{quote(f'{SPACE}/{name}', safe='')}/versions/{version}")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    with toolgate(tmp_path_factory.mktemp("registry"), company({**BLUE, **RED}), TEAMS) as running:
        yield running


@pytest.mark.promise("listings.key")
def test_without_a_key_there_is_nothing_and_the_refusal_can_be_read_by_a_page(gateway: Gateway):
    for reader in (Reader(gateway.url), Reader(gateway.url, origin="https://elsewhere.example")):
        for path in ("/v0.1/servers", "/v0/servers", f"/v0.1/servers/{SPACE}%2Fblue-a/versions/latest", "/v0.1/x"):
            refused = reader.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert refused.headers["access-control-allow-origin"] == "*"
            assert refused.json()["error"]
            assert "blue" not in refused.text


@pytest.mark.promise("listings.seen")
def test_a_key_lists_exactly_what_it_may_see(gateway: Gateway):
    assert Reader(gateway.url, gateway.keys["ann"]).list() == ["blue-a", "blue-b", "blue-desk"]
    assert Reader(gateway.url, gateway.keys["rob"]).list() == ["red-a"]
    assert Reader(gateway.url, gateway.local).list() == []


@pytest.mark.promise("listings.shape")
def test_a_list_is_paged_searched_and_filtered(gateway: Gateway):
    ann = Reader(gateway.url, gateway.keys["ann"])
    found: list[str] = []
    query = "?limit=2"
    for _ in range(3):
        page = ann.get(f"/v0.1/servers{query}").json()
        found += [one["server"]["name"] for one in page["servers"]]
        if "nextCursor" not in page["metadata"]:
            break
        query = f"?limit=2&cursor={quote(page['metadata']['nextCursor'], safe='')}"
    assert found == [f"{SPACE}/blue-a", f"{SPACE}/blue-b", f"{SPACE}/blue-desk"]
    assert ann.list("?search=NEEDS") == ["blue-desk"]
    assert ann.list("?search=blue-b&version=latest&limit=500") == ["blue-b"]
    assert ann.list("?version=9.9.9") == []
    assert len(ann.list("?updated_since=2020-01-01T00:00:00Z&of_a_newer_client=1")) == 3
    assert ann.list("?updated_since=2100-01-01T00:00:00%2B01:00") == []
    assert ann.list("?version=latest", "/v0/servers") == ["blue-a", "blue-b", "blue-desk"]
    for wrong in ("limit=0", "limit=-1", "limit=x", "updated_since=yesterday", "updated_since=2020-01-01T00:00:00"):
        assert ann.get(f"/v0.1/servers?{wrong}").status_code == 400, wrong


@pytest.mark.promise("listings.shape")
@pytest.mark.parametrize("version", ["latest", "1.0.0"])
def test_a_version_is_the_server_json_of_our_own_endpoint(gateway: Gateway, version: str):
    answer = Reader(gateway.url, gateway.keys["ann"]).one("blue-desk", version)
    assert answer.status_code == 200
    conforms(answer.json(), ONE)
    server = answer.json()["server"]
    assert server["remotes"][0]["url"] == gateway.endpoint("blue-desk")
    assert server["description"] == "What the desk needs"
    listed = Reader(gateway.url, gateway.keys["ann"]).get(f"/v0.1/servers/{SPACE}%2Fblue-desk/versions")
    conforms(listed.json(), LIST)
    assert listed.json()["servers"] == [answer.json()]
    old = Reader(gateway.url, gateway.keys["ann"]).get(f"/v0/servers/{SPACE}%2Fblue-desk")
    assert old.json() == answer.json()


@pytest.mark.promise("listings.shape")
def test_the_remote_of_an_entry_works_with_the_header_that_it_describes(gateway: Gateway):
    key = gateway.keys["ann"]
    remote = Reader(gateway.url, key).one("blue-desk").json()["server"]["remotes"][0]
    (header,) = remote["headers"]
    sent = {header["name"]: header["value"].format(toolgate_key=key), "accept": "application/json, text/event-stream"}
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}
    assert httpx2.post(remote["url"], json=message, headers=sent, timeout=SECONDS).status_code == 200


@pytest.mark.promise("listings.unseen")
def test_what_is_not_seen_is_answered_as_what_is_not_there(gateway: Gateway):
    ann = Reader(gateway.url, gateway.keys["ann"])
    answers = [
        (ann.one(name, version), ann.get(f"/v0.1/servers/{SPACE}%2F{name}/versions"))
        for name, version in (("red-a", "latest"), ("red-a", "1.0.0"), ("none", "latest"), ("blue-a", "7"))
    ]
    told = {(one.status_code, one.text) for one, _ in answers}
    assert len(told) == 1
    assert next(iter(told))[0] == 404
    assert answers[0][1].text == answers[2][1].text == answers[0][0].text


@pytest.mark.promise("listings.unseen")
def test_a_team_is_told_the_same_whether_another_is_there_or_not(tmp_path: Path):
    installation = Installation(tmp_path, company(BLUE), TEAMS)
    paths = (
        "/v0.1/servers", "/v0.1/servers?limit=1", "/v0.1/servers?search=red", f"/v0.1/servers?cursor={SPACE}/red-a",
        f"/v0.1/servers/{SPACE}%2Fred-a/versions", f"/v0/servers/{SPACE}%2Fred-a", "/v0.1/nothing",
    )  # fmt: skip
    seen: list[list[tuple[int, str, dict[str, str]]]] = []
    for servers in (BLUE, {**BLUE, **RED}):
        installation.declare(company(servers))
        with installation.up() as gateway:
            ann = Reader(gateway.url, gateway.keys["ann"])
            seen.append([_told(ann.get(path), gateway.url) for path in paths])
    assert seen[0] == seen[1]


def _told(answer: httpx2.Response, url: str) -> tuple[int, str, dict[str, str]]:
    text = answer.text.replace(url, "")
    if answer.status_code == 200:
        value = answer.json()
        for one in value["servers"]:
            one["_meta"] = {}
        text = json.dumps(value).replace(url, "")
    return answer.status_code, text, {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}


@pytest.mark.promise("listings.pages")
def test_a_page_of_any_origin_may_ask_and_has_no_more_than_its_key(gateway: Gateway):
    for origin in ("vscode-file://vscode-app", "https://elsewhere.example"):
        asked = {"origin": origin, "access-control-request-method": "GET"}
        before = httpx2.options(f"{gateway.url}/v0.1/servers", headers=asked, timeout=SECONDS)
        assert before.status_code == 204
        assert before.headers["access-control-allow-headers"] == "Authorization, Content-Type"
        assert Reader(gateway.url, gateway.keys["rob"], origin).list() == ["red-a"]
        assert Reader(gateway.url, "tg-not-a-key", origin).get("/v0.1/servers").status_code == 401
    assert httpx2.post(f"{gateway.url}/v0.1/servers", json={}, timeout=SECONDS).status_code == 405
    host = {"host": "elsewhere.example", "authorization": f"Bearer {gateway.keys['rob']}"}
    assert httpx2.get(f"{gateway.url}/v0.1/servers", headers=host, timeout=SECONDS).status_code == 421


@pytest.mark.promise("listings.pages")
def test_a_gateway_without_keys_tells_a_page_of_another_origin_nothing(tmp_path: Path):
    declared = {"servers": BLUE, "grants": [{"key": "local", "allow": ALL}]}
    with toolgate(tmp_path, declared, flags=("--open",)) as gateway:
        assert Reader(gateway.url).list() == ["blue-a", "blue-b"]
        assert "headers" not in Reader(gateway.url).one("blue-a").json()["server"]["remotes"][0]
        assert Reader(gateway.url, origin="https://elsewhere.example").get("/v0.1/servers").status_code == 401


@pytest.mark.promise("listings.public")
def test_everybody_sees_what_the_setting_names_and_nothing_else(tmp_path: Path):
    flags = ("--registry-public", "blue-d*", "--registry-namespace", "com.example.tools", "--state", "none")
    with toolgate(tmp_path, company({**BLUE, **RED}), TEAMS, flags) as gateway:
        answer = Reader(gateway.url).get("/v0.1/servers").json()
        conforms(answer, LIST)
        assert [one["server"]["name"] for one in answer["servers"]] == ["com.example.tools/blue-desk"]
        assert Reader(gateway.url).get("/v0.1/servers/com.example.tools%2Fblue-a/versions").status_code == 404
        assert Reader(gateway.url, origin="https://elsewhere.example").get("/v0.1/servers").json() == answer
        assert Reader(gateway.url, "tg-not-a-key").get("/v0.1/servers").status_code == 401
        mine = Reader(gateway.url, gateway.keys["rob"]).get("/v0.1/servers").json()["servers"]
        assert [one["server"]["name"] for one in mine] == ["com.example.tools/red-a"]


@contextmanager
def company_of_records(folder: Path) -> Generator[tuple[Terminal, Gateway]]:
    with toolgate(folder, {"servers": {}}) as gateway:
        yield Terminal(folder, TOOLGATE_DATA_DIR=str(gateway.data)), gateway


@pytest.mark.promise("listings.seen")
def test_only_what_is_in_service_is_listed_and_keys_for_one_url_see_that_one(tmp_path: Path):
    with company_of_records(tmp_path) as (terminal, gateway):
        python = f"{Path(__file__).resolve().parents[1] / 'servers' / 'sdk_server.py'}:build"
        described = ("-s", "description=Adds numbers", "-s", 'links={"docs": "https://docs.example/adds"}')
        assert terminal.run("server", "add", "adds", "--python", python, "--draft", *described).code == 0
        assert terminal.run("virtual", "add", "more", 'offers=[{"server":"adds","tools":[{"name":"add"}]}]').code == 0
        grant = ("subject=everyone", "servers=adds,more", "tools=*")
        assert terminal.run("grant", "add", "all", *grant).code == 0
        assert terminal.run("user", "add", "ann").code == 0
        key = terminal.run("key", "add", "ann-1", "owner=user:ann").out.strip()
        narrow = terminal.run("key", "add", "ann-2", "owner=user:ann", "audiences=more").out.strip()
        ann = Reader(gateway.url, key)
        _until(ann, [])
        assert terminal.run("server", "publish", "adds").code == 0
        _until(ann, ["adds", "more"])
        entry = ann.one("adds").json()
        conforms(entry, ONE)
        assert (entry["server"]["description"], entry["server"]["websiteUrl"]) == (
            "Adds numbers", "https://docs.example/adds",
        )  # fmt: skip
        assert entry["server"]["version"] != "1.0.1"
        assert Reader(gateway.url, narrow).list() == ["more"]
        assert Reader(gateway.url, narrow).one("adds").status_code == 404
        assert terminal.run("virtual", "drain", "more").code == 0
        _until(ann, ["adds"])
        assert terminal.run("server", "pause", "adds").code == 0
        _until(ann, [])


def _until(reader: Reader, wanted: list[str]) -> None:
    """A change acts within a second: the list is asked again and again until it is as wanted."""
    end = time.monotonic() + LIVE_SECONDS
    while (found := reader.list()) != wanted:
        assert time.monotonic() < end, f"after {LIVE_SECONDS:g} s the list is still {found}"
