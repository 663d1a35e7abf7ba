"""What Sentry's and Datadog's connectors do of their own: pages, errors, what is left out, and what can be narrowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.serving import fixture, serving
from tests.connectors.test_tools import judged
from tests.ports.speaking import ALL
from toolgate.upstreams.connector import reading


async def test_sentrys_links_name_another_of_its_addresses_and_end_with_one_to_nothing(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="sentry") as served:
        for results in ("true", "false"):
            link = f'<https://sentry.io/api/0/x?&cursor=0:20:0>; rel="next"; results="{results}"; cursor="0:20:0"'
            served.replay.plays.append(Play(body=[{"slug": "shop"}], headers={"Link": link}))
        token = (await served.call("find_projects", org="acme")).told["next_page_token"]
        assert "next_page_token" not in (await served.call("find_projects", org="acme", page_token=token)).told
        assert served.replay.seen[1].query == [("per_page", "20"), ("cursor", "0:20:0")]


async def test_local_variables_people_and_cookies_of_an_event_are_not_told(tmp_path: Path):
    played: Any = fixture("sentry", "get_issue_event.json")
    assert "hunter2hunter2" in str(played["exchanges"])
    async with serving(tmp_path, Replay([]), connector="sentry") as served:
        served.replay.plays.append(Play(body=played["exchanges"][0]["answer"]))
        text = (await served.call("get_issue_event", org="acme", issue="SHOP-1A")).text
        assert "checkout" in text
        for hidden in ("hunter2hunter2", "bob@guest.example", "203.0.113.7", "Cookie"):
            assert hidden not in text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"detail": "You do not have permission"}, "You do not have permission; the token lacks the scope"),
        ({"detail": {"code": "sso-required", "message": "Must log in"}}, "Must log in; the token lacks the scope"),
        ({"detail": {"code": "x"}}, "forbidden (status 403): the token lacks the scope"),
    ],
)
async def test_sentry_says_why(tmp_path: Path, body: Any, told: str):
    async with serving(tmp_path, Replay([]), connector="sentry") as served:
        served.replay.plays.append(Play(403, body))
        assert told in await served.wrong("find_projects", org="acme")


async def test_datadog_says_in_how_many_seconds_and_why(tmp_path: Path):
    async with serving(tmp_path, Replay([], judged("datadog")), connector="datadog") as served:
        served.replay.plays += [
            Play(429, {"errors": ["Too many"]}, {"x-ratelimit-reset": "45", "x-ratelimit-period": "60"}),
            Play(403, {"errors": ["Forbidden"]}),
            Play(400, {"errors": [{"title": "Bad", "detail": "no such facet"}]}),
            Play(200, {"status": "error", "error": "cannot parse the query"}),
        ]
        assert "Too many; ask again in 45 seconds" in await served.wrong("search_monitors")
        assert "Forbidden; the keys are of another site" in await served.wrong("list_dashboards")
        assert "no such facet; check the arguments" in await served.wrong("aggregate_logs")
        moments = {"from": "2027-01-31T12:00:00Z", "to": "2027-01-31T13:00:00Z"}
        assert "refused (status 200): cannot parse the query" in await served.wrong(
            "query_metrics", query="x", **moments
        )


async def test_datadogs_cursor_goes_back_in_the_body(tmp_path: Path):
    async with serving(tmp_path, Replay([], judged("datadog")), connector="datadog") as served:
        served.replay.plays += [Play(body={"data": [], "meta": {"page": {"after": "abc"}}}), Play(body={"data": []})]
        for name, place in (("search_spans", b'"page":{"limit":25,"cursor":"abc"}'),):
            token = (await served.call(name)).told["next_page_token"]
            assert "next_page_token" not in (await served.call(name, page_token=token)).told
            assert place in served.replay.seen[1].body


@pytest.mark.parametrize(
    ("id_", "allow", "good", "bad", "gone"),
    [
        (
            "sentry",
            {"projects": ("shop*",)},
            ("search_issues", {"org": "acme", "project": "shop-api"}),
            [("search_issues", {"org": "acme"}), ("search_issues", {"org": "acme", "project": "pay"})],
            {"get_issue", "get_trace", "update_issue"},
        ),
        (
            "sentry",
            {"organizations": ("acme",)},
            ("search_issues", {"org": "acme"}),
            [("search_issues", {"org": "other"})],
            set[str](),
        ),
        (
            "datadog",
            {"log_indexes": ("web-*",)},
            ("search_logs", {"index": "web-1"}),
            [("search_logs", {}), ("aggregate_logs", {"index": "main"})],
            set[str](),
        ),
    ],
)
async def test_what_an_administrator_narrows_holds(
    tmp_path: Path, id_: str, allow: dict[str, Any], good: Any, bad: list[Any], gone: set[str]
):
    async with serving(tmp_path, Replay([], judged(id_)), connector=id_, allow=allow) as served:
        offered = {offer.name for offer in (await served.upstream.discover(ALL)).offers}
        everything = {tool.name for tool in reading.read(reading.INCLUDED / id_).tools}
        assert gone <= everything - offered
        assert gone or offered == everything
        for name, arguments in bad:
            assert "are allowed here" in await served.wrong(name, **arguments)
        assert served.replay.seen == []
        served.replay.plays.append(Play(body={"data": []} if id_ == "datadog" else []))
        assert (await served.call(good[0], **good[1])).told["rows"] == []
