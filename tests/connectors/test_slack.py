"""What is particular to Slack: errors with 200, channels that an administrator allows, and pages by cursor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.serving import serving
from tests.ports.speaking import ALL
from toolgate.model.errors import ConfigError

CHANNEL = "C0123ABCD"
TS = "1801396800.000100"

ERRORS = [
    ("invalid_auth", "unauthorized", "an administrator must renew it"),
    ("token_revoked", "unauthorized", "an administrator must renew it"),
    ("not_allowed_token_type", "forbidden", "xoxp-"),
    ("not_in_channel", "not_in_channel", "must invite the app"),
    ("channel_not_found", "not_found", "take an id of list_channels"),
    ("users_not_found", "not_found", "there is no such thing"),
    ("cant_update_message", "forbidden", "only own messages"),
    ("is_archived", "conflict", "archived"),
    ("already_reacted", "conflict", "nothing is left to do"),
    ("time_in_past", "invalid", "must lie in the future"),
    ("ratelimited", "rate_limited", "in a minute"),
    ("internal_error", "unavailable", "try again later"),
    ("something_new", "refused", "check the arguments"),
]


@pytest.mark.parametrize(("error", "code", "hint"), ERRORS)
async def test_an_error_with_200_is_an_error(tmp_path: Path, error: str, code: str, hint: str):
    async with serving(tmp_path, Replay([]), connector="slack") as served:
        served.replay.plays.append(Play(200, {"ok": False, "error": error}))
        told = await served.wrong("send_message", channel=CHANNEL, text="Hello")
        assert told.startswith(f"send_message: {code} (status 200): {error}; ")
        assert hint in told
        assert len(served.replay.seen) == 1


async def test_a_missing_scope_is_named(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="slack") as served:
        served.replay.plays.append(Play(200, {"ok": False, "error": "missing_scope", "needed": "groups:history"}))
        told = await served.wrong("read_channel", channel=CHANNEL)
        assert "forbidden (status 200): missing_scope needs groups:history; " in told


async def test_too_many_requests_are_waited_for_when_reading_and_told_when_writing(tmp_path: Path):
    busy = Play(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})
    async with serving(tmp_path, Replay([]), connector="slack") as served:
        served.replay.plays += [busy, Play(body={"ok": True, "messages": []})]
        assert (await served.call("read_channel", channel=CHANNEL)).told["rows"] == []
        served.replay.plays.append(busy)
        told = await served.wrong("send_message", channel=CHANNEL, text="Hello")
        assert "rate_limited (status 429): ratelimited; ask again in 0 seconds" in told
        assert len(served.replay.seen) == 3


async def test_pages_go_on_by_the_cursor_and_end_at_an_empty_one(tmp_path: Path):
    def played(text: str, cursor: str) -> Play:
        return Play(body={"ok": True, "messages": [{"text": text}], "response_metadata": {"next_cursor": cursor}})

    async with serving(tmp_path, Replay([]), connector="slack") as served:
        served.replay.plays += [played("a", "dXNlcjpVMDYx="), played("b", "")]
        first = (await served.call("read_channel", channel=CHANNEL)).told
        last = (await served.call("read_channel", channel=CHANNEL, page_token=first["next_page_token"])).told
        assert [first["rows"][0]["text"], last["rows"][0]["text"]] == ["a", "b"]
        assert "next_page_token" not in last
        assert dict(served.replay.seen[1].query)["cursor"] == "dXNlcjpVMDYx="


async def test_only_allowed_channels_are_read_and_written(tmp_path: Path):
    members: dict[str, Any] = {"connector": "slack", "allow": {"channels": (CHANNEL,)}}
    async with serving(tmp_path, Replay([]), **members) as served:
        offered = {offer.name for offer in (await served.upstream.discover(ALL)).offers}
        assert {"send_message", "read_channel", "get_user", "find_user_by_email"} <= offered
        assert not {"search_messages", "list_channels", "open_dm"} & offered
        told = await served.wrong("send_message", channel="C0999ZZZZ", text="Hello")
        assert "C0999ZZZZ is not among the channels that are allowed here: C0123ABCD" in told
        assert served.replay.seen == []


@pytest.mark.parametrize("channel", ["#general", "general", "U0123ABCD", "C0123ABCD,C0999ZZZZ", "c0123abcd", ""])
async def test_a_channel_is_given_by_its_id_alone(tmp_path: Path, channel: str):
    async with serving(tmp_path, Replay([]), connector="slack") as served:
        assert "channel: " in await served.wrong("send_message", channel=channel, text="Hello")
        assert served.replay.seen == []


async def test_the_token_goes_to_slack_alone(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"evil\.example is not among the hosts"):
        async with serving(tmp_path, Replay([]), connector="slack", variables={"base_url": "https://evil.example/api"}):
            pass
