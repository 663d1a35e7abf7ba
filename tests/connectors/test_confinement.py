"""Where a request goes is the connector's alone: not an argument's, an answer's, or a page token's."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.replay import TOKEN, Play, Replay, playing
from tests.connectors.samples import shop, written
from tests.connectors.serving import github, serving, toolbox
from tests.ports.speaking import ALL, spec
from toolgate.model.errors import ConfigError, UpstreamError, UpstreamFailed
from toolgate.upstreams import connector
from toolgate.upstreams.connector.building import Built, built
from toolgate.upstreams.connector.format import Param, Request
from toolgate.upstreams.connector.sending import Sender, base_of
from toolgate.upstreams.connector.trouble import Trouble

pytestmark = pytest.mark.promise("connectors.confined")

REPO = {"owner": "octocat", "repo": "hello-world"}
GET = Request("GET", "/things/{id}/parts")
ONE = {"id": Param("string", "path")}
MANY = {"id": Param("string", "path", multi_segment=True)}
HOSTILE = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from([".", "..", "/", "\\", "%2e", "%2F", "?", "#", "@", ":", "a", "é", "\r\n"])).map("".join),
)


@given(HOSTILE)
def test_an_argument_of_the_path_stays_one_segment(text: str):
    try:
        target = built(GET, ONE, {"id": text}, {}).target
    except Trouble:
        return
    _, things, segment, parts = target.split("/")
    assert (things, parts) == ("things", "parts")
    assert unquote(segment) == text
    assert segment not in (".", "..")
    assert target.isascii()
    assert not set(target) & set("?#\\\r\n ")
    assert urlsplit(f"https://x.example{target}").path == target


@given(HOSTILE)
def test_a_path_of_many_segments_never_leaves_its_place(text: str):
    try:
        target = built(GET, MANY, {"id": text}, {}).target
    except Trouble:
        return
    segments = target.split("/")
    assert segments[:2] == ["", "things"]
    assert segments[-1] == "parts"
    assert not {"", ".", ".."} & set(segments[1:])
    assert urlsplit(f"https://x.example{target}").path == target


def test_a_path_that_is_written_to_lead_elsewhere_is_refused():
    with pytest.raises(Trouble, match="leads elsewhere"):
        built(Request("GET", "/a/../{id}"), ONE, {"id": "b"}, {})


@pytest.mark.parametrize("target", ["@evil.example/", ":1/", "x", "/a/../b", ".evil.example/"])
async def test_the_last_look_before_it_goes_out_sees_what_all_others_missed(tmp_path: Path, target: str):
    box = toolbox(tmp_path)
    base = base_of(github(), {"base_url": "http://127.0.0.1:1"})
    route = box.http.route(base.origin, server="it", limit=1000)
    sender = Sender("it", github(), base, route, box.clock, (), 5.0)
    with pytest.raises(Trouble, match="would lead elsewhere"):
        await sender.send(Built("GET", target, (), b""), idempotent=True, deadline=time.perf_counter() + 5)
    await route.close()


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_argument_of_the_query_stays_one_parameter(one: str, other: str):
    params = {"one": Param("string", "query"), "other": Param("string", "query", to="b")}
    try:
        target = built(Request("GET", "/x"), params, {"one": one, "other": other}, {}).target
    except UnicodeEncodeError:
        return
    assert target.count("&") == 1
    assert target.count("=") == 2
    assert "#" not in target


@pytest.mark.parametrize("path", ["../../../user", "docs/../../x", "/etc/passwd", "a//b", ".", "..", "a/./b", "a/"])
async def test_no_path_of_a_file_leads_out_of_the_repository(tmp_path: Path, path: str):
    async with serving(tmp_path, Replay([])) as served:
        assert "not allowed here" in await served.wrong("get_file_contents", **REPO, path=path)
        assert served.replay.seen == []


async def test_what_looks_encoded_is_encoded_again(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays.append(Play(body=b"text"))
        await served.call("get_file_contents", **REPO, path="a%2f..%2fb?ref=x#y")
        assert served.replay.seen[0].path == "/repos/octocat/hello-world/contents/a%252f..%252fb%3Fref%3Dx%23y"
        assert served.replay.seen[0].query == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\N{SNOWMAN}"])
async def test_no_argument_ends_a_header(tmp_path: Path, value: str):
    folder = written(tmp_path, shop())
    async with serving(tmp_path, Replay([]), path=str(folder)) as served:
        told = await served.wrong("get_thing", id="1", trace=value)
        assert told.startswith("get_thing: trace: holds a")
        assert served.replay.seen == []


async def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path):
    async with playing(Replay([])) as other, serving(tmp_path, Replay([])) as served:
        for location in (f"{other.url}/user", f"{other.url.replace('http:', '')}/user", "http://evil.example/"):
            served.replay.plays.append(Play(302, headers={"Location": location}))
            assert "redirected (status 302)" in await served.wrong("get_me")
        assert other.seen == []
        assert len(served.replay.seen) == 3


async def test_a_redirect_on_the_same_origin_is_followed_for_reading_only(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays += [Play(301, headers={"Location": "/repositories/6"}), Play(body={"full_name": "a/b"})]
        assert (await served.call("get_repository", **REPO)).told["name"] == "a/b"
        assert [request.path for request in served.replay.seen][1] == "/repositories/6"
        served.replay.plays.append(Play(307, headers={"Location": "/elsewhere"}))
        assert "redirected" in await served.wrong("create_issue", **REPO, title="x")
        assert len(served.replay.seen) == 3
        served.replay.plays += [Play(301, headers={"Location": "/user"})] * 9
        assert "in a circle" in await served.wrong("get_me")


async def test_a_link_to_another_host_is_no_page(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        served.replay.plays.append(Play(body=[], headers={"Link": '<https://evil.example/x?page=2>; rel="next"'}))
        assert "next_page_token" not in (await served.call("list_commits", **REPO)).told


async def test_of_a_link_only_the_position_is_taken(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        link = f'<{served.replay.url}/user?page=2&per_page=99&q=evil>; rel="next", <{served.replay.url}/>; rel="last"'
        served.replay.plays += [Play(body=[], headers={"Link": link}), Play(body=[])]
        token = (await served.call("list_commits", **REPO, path="a")).told["next_page_token"]
        again = (await served.call("list_commits", **REPO, path="a", page_token=token)).told
        assert again == {"rows": [], "truncated": False}
        second = served.replay.seen[1]
        assert second.path == "/repos/octocat/hello-world/commits"
        assert sorted(second.query) == [("page", "2"), ("path", "a"), ("per_page", "20")]


async def test_a_page_token_is_taken_from_us_alone_and_for_the_same_arguments(tmp_path: Path):
    async with serving(tmp_path, Replay([])) as served:
        link = f'<{served.replay.url}/x?page=2>; rel="next"'
        served.replay.plays.append(Play(body=[], headers={"Link": link}))
        token: str = (await served.call("list_commits", **REPO)).told["next_page_token"]
        forged = [token[:-2] + "AA", token + "A", "x", "", 7, token[::-1], "A" * 5000]
        for one in forged:
            assert "is none that this tool gave" in await served.wrong("list_commits", **REPO, page_token=one)
        elsewhere: list[tuple[str, dict[str, Any]]] = [
            ("list_commits", {**REPO, "repo": "other"}),
            ("list_commits", {**REPO, "path": "x"}),
            ("list_issues", REPO),
        ]
        for name, arguments in elsewhere:
            told = await served.wrong(name, **arguments, page_token=token)
            assert "belongs to other arguments" in told
        assert len(served.replay.seen) == 1


async def test_another_credential_or_server_takes_no_token_of_this_one(tmp_path: Path):
    base = base_of(
        connector.reading.read(connector.reading.INCLUDED / "github"), {"base_url": "https://api.github.com"}
    )
    keys = {
        connector._key(name, base, connector.Credential((), (secret,)))
        for name, secret in (("a", "x" * 20), ("b", "x" * 20), ("a", "y" * 20))
    }
    assert len(keys) == 3
    again = connector._key("a", base, connector.Credential((), ("x" * 20,)))
    assert again in keys, "replicas must agree"


ALLOW = {"repositories": ("Octocat/hello-*", "acme/*")}


async def test_only_allowed_repositories_are_asked(tmp_path: Path):
    async with serving(tmp_path, Replay([]), allow=ALLOW) as served:
        told = await served.wrong("create_issue", owner="octocat", repo="secret", title="x")
        assert "octocat/secret is not among the repositories that are allowed here" in told
        assert "octocat/hello-*, acme/*" in told.lower()
        assert served.replay.seen == []
        served.replay.plays.append(Play(201, {"number": 1}))
        assert (await served.call("create_issue", owner="OCTOCAT", repo="Hello-world", title="x")).told["number"] == 1


async def test_tools_that_cannot_be_held_to_it_are_not_offered(tmp_path: Path):
    async with serving(tmp_path, Replay([]), allow=ALLOW) as served:
        names = {offer.name for offer in (await served.upstream.discover(ALL)).offers}
        assert "get_me" in names
        assert "list_issues" in names
        assert not {name for name in names if name.startswith("search_")}
        with pytest.raises(UpstreamError, match="unknown tool"):
            await served.call("search_code", query="x")


async def test_read_only_and_chosen_tools(tmp_path: Path):
    async with serving(tmp_path, Replay([]), read_only=True, tools=("*issue*",)) as served:
        names = {offer.name for offer in (await served.upstream.discover(ALL)).offers}
        assert names == {"search_issues", "list_issues", "get_issue"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"token": "ghx"}, "token: a secret must be given by reference"),
        ({"token": "env:NOT_SET"}, "token: env:NOT_SET is not set"),
        ({"token": None}, "token is missing: A fine-grained"),
        ({"credentials": {"user": "x"}}, "credentials.user is not asked for by 'token'"),
        ({"auth": "tokn"}, "auth: must be one of token (did you mean `token`?)"),
        ({"allow": {"repos": ("x",)}}, "allow.repos: GitHub cannot be narrowed by it"),
        ({"tools": ("lst_*",)}, "tools: lst_* matches no tool"),
        ({"tools": ("merge_*",), "read_only": True}, "tools: none is left"),
        ({"variables": {"base": "x"}}, "variables.base: GitHub has none of this name"),
        ({"variables": {"base_url": "https://a.example/../x"}}, "variables.base_url: does not have the form"),
        ({"variables": {"base_url": "http://ghe.example/api/v3"}}, "asked over https"),
        ({"variables": {"base_url": "https://a@b.example"}}, "does not have the form"),
    ],
)
async def test_settings_that_do_not_fit_are_told(tmp_path: Path, members: dict[str, Any], reason: str):
    settings = connector.Settings(**{"connector": "github", "token": "env:THE_TOKEN", **members})
    with pytest.raises(ConfigError) as caught:
        async with connector.open(spec(kind="connector"), settings, toolbox(tmp_path)):
            pass
    told = "\n".join(caught.value.findings)
    assert reason in told
    assert "ghx" not in told


async def test_a_host_that_the_connector_does_not_allow_is_refused(tmp_path: Path):
    settings = connector.Settings(
        path=str(written(tmp_path, shop())), token="env:THE_TOKEN", variables={"base_url": "https://evil.example"}
    )
    with pytest.raises(ConfigError, match=r"evil\.example is not among the hosts that may be asked"):
        async with connector.open(spec(kind="connector"), settings, toolbox(tmp_path)):
            pass


async def test_an_address_of_ones_own_network_is_refused_when_it_is_dialled(tmp_path: Path):
    async with serving(tmp_path, Replay([]), private=False) as served:
        with pytest.raises(UpstreamFailed, match="may not be dialled"):
            await served.call("get_me")
        assert served.replay.seen == []


@pytest.mark.promise("connectors.secrets")
async def test_a_token_that_is_repeated_is_taken_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    repeated = {"login": f"x{TOKEN}", "name": f"Bearer {TOKEN}", "message": f"bad token {TOKEN}", TOKEN: 1}
    async with serving(tmp_path, Replay([])) as served:
        for status in (200, 400, 401, 403, 404, 409, 422, 429, 500, 503):
            served.replay.plays.append(Play(status, repeated))
            reply = await served.call("get_me")
            assert TOKEN not in str(reply.result), status
        served.replay.plays.append(Play(body=f"a {TOKEN} b".encode()))
        assert (await served.call("get_file_contents", **REPO, path="x")).told["text"] == "a *** b"
        offers = (await served.upstream.discover(ALL)).offers
        assert TOKEN.encode() not in msgspec.json.encode([offer.definition for offer in offers])
    assert TOKEN not in caplog.text


@pytest.mark.promise("connectors.secrets")
async def test_a_password_is_hidden_in_either_form(tmp_path: Path):
    folder = written(tmp_path, shop())
    given_ = {"auth": "basic", "credentials": {"user": "ann"}}
    async with serving(tmp_path, Replay([]), path=str(folder), **given_) as served:
        served.replay.plays.append(Play(body={"a": 1}))
        await served.call("get_thing", id="1")
        (shown,) = served.replay.seen[0].all("authorization")
        assert shown.startswith("Basic ")
        served.replay.plays.append(Play(body={"echo": shown, "password": TOKEN}))
        assert (await served.call("get_thing", id="1")).told == {"echo": "Basic ***", "password": "***"}
