"""Who knows that a product takes no more calls does not ask it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import shop, written
from tests.connectors.serving import fixture, github, serving
from toolgate.upstreams.connector import reading
from toolgate.upstreams.connector.allowance import LONGEST_HOLD, Allowance
from toolgate.upstreams.connector.answers import Reply
from toolgate.upstreams.connector.format import Connector, RateLimit

held = pytest.mark.promise("connectors.allowance")
REPO = {"owner": "octocat", "repo": "hello-world"}
NOW = 1_800_000_000.0


def allowance(**limit: object) -> Allowance:
    return Allowance(msgspec.structs.replace(github(), rate_limit=msgspec.convert(limit, RateLimit)))


def reply(status: int = 200, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


@held
async def test_after_the_last_call_nothing_is_asked(tmp_path: Path):
    user = fixture("github", "get_me.json")["exchanges"][0]["answer"]
    last = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999", "X-RateLimit-Resource": "core"}
    left = {**last, "X-RateLimit-Remaining": "7"}
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays += [Play(body=[], headers=left), Play(body=user, headers=last)]
        await served.call("list_commits", **REPO)
        assert not (await served.call("get_me")).failed
        for name, given in (("get_me", {}), ("list_commits", REPO)):
            told = await served.wrong(name, **given)
            assert told.startswith(
                f"{name}: rate_limited: the product takes no more calls for now, so it was not asked"
            )
            assert "ask again in 3600 seconds" in told
        assert len(served.replay.seen) == 2
        search = {**left, "X-RateLimit-Resource": "search"}
        served.replay.plays.append(Play(body={"total_count": 0, "items": []}, headers=search))
        assert not (await served.call("search_issues", query="x")).failed


@held
async def test_a_short_hold_is_waited_for(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays += [Play(429, {}, {"Retry-After": "0.2"}), Play(201, {"number": 1, "html_url": "x"})]
        assert "ask again in 1 seconds" in await served.wrong("create_issue", **REPO, title="x")
        assert (await served.call("create_issue", **REPO, title="x")).told["number"] == 1
        assert len(served.replay.seen) == 2


@held
def test_a_hold_ends_at_its_moment_and_after_an_hour_at_the_latest():
    known = allowance(remaining="X-Left", reset="X-Reset")
    assert known.take("GET /a", NOW) == 0
    known.heard("GET /a", reply(x_left="0", x_reset=str(NOW + 60)), NOW)
    assert known.take("GET /b", NOW + 1) == 59
    assert known.take("GET /b", NOW + 60) == 0
    known.heard("GET /a", reply(429, retry_after="86400"), NOW)
    assert known.take("GET /a", NOW) == LONGEST_HOLD


def test_what_says_nothing_holds_nothing():
    known = allowance(remaining="x-left", reset="x-reset", bucket="x-bucket")
    for said in (reply(429), reply(x_left="0"), reply(x_left="1", x_reset="9999999999"), reply(500, retry_after="9")):
        known.heard("GET /a", said, NOW)
        assert known.take("GET /a", NOW) == 0


@held
def test_it_holds_for_what_the_product_counts_together():
    by_endpoint = allowance(counted="endpoint")
    by_endpoint.heard("GET /a", reply(429, retry_after="30"), NOW)
    assert [by_endpoint.take(name, NOW) for name in ("GET /a", "POST /a", "GET /b")] == [30, 0, 0]
    by_name = allowance(bucket="x-bucket", remaining="x-left", reset="x-reset")
    for name, bucket in (("GET /a", "core"), ("GET /b", "core"), ("GET /c", "search")):
        by_name.heard(name, reply(x_bucket=bucket, x_left="9"), NOW)
    by_name.heard("GET /a", reply(x_bucket="core", x_left="0", x_reset=str(NOW + 30)), NOW)
    assert [by_name.take(name, NOW) for name in ("GET /a", "GET /b", "GET /c", "GET /d")] == [30, 30, 0, 0]
    down = allowance()
    down.heard("GET /a", reply(503, retry_after="30"), NOW)
    assert [down.take(name, NOW) for name in ("GET /a", "GET /b")] == [30, 0]


@held
def test_calls_of_a_minute_are_spread():
    known = allowance(per_minute=60)
    assert [known.take("GET /a", NOW) for _ in range(11)] == [0.0] * 10 + [1.0]
    assert known.take("GET /a", NOW + 1) == 0
    assert known.take("GET /a", NOW + 1.5) == 0.5
    assert [known.take("GET /b", NOW + 3600) for _ in range(11)] == [0.0] * 10 + [1.0]


@pytest.mark.parametrize("id_", reading.included())
def test_every_product_says_what_it_counts(id_: str):
    """Salesforce says neither how many are left nor when there are more: it is told by its error alone."""
    connector: Connector = reading.read(reading.INCLUDED / id_)
    assert connector.rate_limit != RateLimit(), id_


def test_calls_that_are_left_need_a_moment_from_which_there_are_more(tmp_path: Path):
    made = shop()
    made["rate_limit"] = {"remaining": "x-left"}
    with pytest.raises(Exception, match=r"rate_limit\.remaining: needs `reset`"):
        reading.read(written(tmp_path, made))
