"""The official SDK's client in both eras, through a running gateway, to GitHub's connector and a replayed GitHub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import TOKEN, Play, Replay, playing
from tests.connectors.serving import fixture
from tests.files.test_journey import serving_up
from tests.journeys.clients import sdk

REPO = {"owner": "octocat", "repo": "hello-world"}


def configured(home: Path, url: str) -> None:
    """The key `local` may read, and create issues; the token is in a file of its own."""
    secret = home / "token"
    secret.write_text(TOKEN, encoding="utf-8")
    secret.chmod(0o600)
    server = {
        "kind": "connector",
        "connector": "github",
        "token": "file:./token",
        "private": True,
        "variables": {"base_url": url},
        "allow": {"repositories": ["octocat/*"]},
    }
    grant = {"key": "local", "allow": {"servers": ["github"], "tools": ["get_*", "list_*", "create_issue"]}}
    declared = {"version": 1, "servers": {"github": server}, "grants": [grant]}
    (home / "toolgate.yaml").write_text(json.dumps(declared), encoding="utf-8")


def holding(folder: Path, secret: str) -> list[str]:
    """The files in which the secret stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.promise("connectors.tools", "connectors.secrets")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_github_behind_a_key(tmp_path: Path, mode: str):
    fixtures = [fixture("github", name) for name in ("list_pull_requests.json", "create_issue.json")]
    played = [exchange for one in fixtures for exchange in one["exchanges"]]
    async with playing(Replay(played)) as replay:
        configured(tmp_path, replay.url)
        with serving_up(tmp_path) as (url, key):
            async with sdk(f"{url}/servers/github/mcp", key, mode) as client:
                tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                assert "merge_pull_request" not in tools, "not granted"
                assert "search_code" not in tools, "cannot be held to repositories"
                assert tools["create_issue"].annotations is not None
                assert tools["create_issue"].annotations.read_only_hint is False
                listed = await client.call_tool("list_pull_requests", REPO)
                assert listed.structured_content == fixtures[0]["expect"]
                issue = {**REPO, "title": "It crashes", "body": "On start.", "labels": ["bug"]}
                made = await client.call_tool("create_issue", issue)
                assert made.structured_content == fixtures[1]["expect"]
                replay.plays.append(Play(401, {"message": f"Bad credentials {TOKEN}"}))
                refused: Any = await client.call_tool("get_me", {})
                assert refused.is_error
                assert refused.content[0].text.startswith("get_me: unauthorized (status 401): Bad credentials ***; ")
                outside: Any = await client.call_tool("create_issue", {**issue, "owner": "acme"})
                assert "acme/hello-world is not among the repositories" in outside.content[0].text
        assert replay.complaints == []
        assert len(replay.seen) == 3
    assert holding(tmp_path, TOKEN) == ["token"]
