"""A connector that stands whole in the settings of its server."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import shop, tool
from tests.connectors.serving import serving, toolbox
from tests.ports.speaking import spec
from toolgate import extensions
from toolgate.control import exporting, needs
from toolgate.control.declarative import read
from toolgate.control.declared_servers import Surroundings
from toolgate.control.plan import Wanted
from toolgate.model.entities import Server
from toolgate.model.errors import ConfigError
from toolgate.model.identity import Grant
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts
from toolgate.rules.referrers import secrets_of
from toolgate.rules.validity import servers
from toolgate.upstreams import connector
from toolgate.upstreams.connector import inline, narrowing
from toolgate.upstreams.connector.settings import Settings

KINDS = extensions.kinds()


def bare() -> dict[str, Any]:
    """The shop without what only a folder can hold."""
    made = shop()
    del made["icon"], made["docs"]
    for one in made["tools"]:
        del one["examples"]
    return made


def settings(made: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"definition": made, "token": "env:THE_TOKEN", **members}


def filed(made: dict[str, Any]) -> list[str]:
    """What `toolgate check` finds in a file with this definition."""
    text = yaml.safe_dump({"version": 1, "servers": {"shop": {"kind": "connector", **settings(made)}}}, sort_keys=False)
    try:
        read(text, "toolgate.yaml", Surroundings(KINDS, None, Path.cwd()))
    except ConfigError as error:
        return list(error.findings)
    return []


def recorded(made: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a record of this definition, when it is saved."""
    facts = Facts(
        directory=Directory(()),
        now=0.0,
        kinds=tuple(KINDS.names),
        fields=lambda kind: tuple(KINDS.fields(kind)),
        judge_settings=lambda kind, given: tuple(KINDS.validate(kind, given)),
    )
    return list(servers.server(Server(name="shop", kind="connector", settings=settings(made)), facts))


@pytest.mark.promise("connectors.definition")
def test_a_definition_is_right_in_a_file_and_in_a_record():
    """The templates of its headers are no secrets in plain text."""
    assert filed(bare()) == []
    assert recorded(bare()) == []
    assert filed(shop()) == [], "what a folder holds may be named, and is not looked for"


@pytest.mark.promise("connectors.definition")
def test_what_is_wrong_is_told_by_its_field():
    made = bare()
    made["tools"][0]["params"]["q"]["pattern"] = "("
    made["tools"][0]["description"] = "Short."
    told = filed(made)
    assert len(told) == 2
    assert all(one.startswith("toolgate.yaml:") for one in told), told
    assert any("servers.shop.definition.tools[0].params.q.pattern: is no RE2 pattern" in one for one in told), told
    assert len({one.split(":")[1] for one in told}) == 2, "each has a line of its own"
    paths = [path for path, _ in recorded(made)]
    assert sorted(paths) == [
        "settings.definition.tools[0].description",
        "settings.definition.tools[0].params.q.pattern",
    ]


@pytest.mark.promise("connectors.definition")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "No"}, "definition.id: expected `str` matching regex"),
        ({"surprise": 1}, "definition.surprise: is not known here"),
        ({"tools": []}, "definition.tools: expected `array` of length >= 1"),
        ({"categories": ["x" * 300_000]}, "bytes as JSON, at most 262144"),
        ({"http": {**shop()["http"], "headers": {"X-Api-Key": "plain-text-0123"}}}, "must not stand here in plain"),
        ({"http": {**shop()["http"], "headers": {"X-Key": "env:KEY"}}}, "a credential is shown by `auth`"),
        ({"http": {"base_url": "http://shop.example", "allow_hosts": ["shop.example"]}}, "must be an https URL"),
    ],
)
def test_what_no_definition_may_be(change: dict[str, Any], told: str):
    made = {**bare(), **change}
    assert any(told in one for one in filed(made)), filed(made)
    assert any(told.partition(": ")[2] in reason for _, reason in recorded(made)), recorded(made)


@pytest.mark.promise("connectors.definition")
def test_what_looks_like_a_reference_in_a_definition_is_a_text():
    """Nobody resolves it, so it names no secret."""
    made = bare()
    made["tools"][0]["params"]["q"]["default"] = "store:main"
    assert (filed(made), recorded(made)) == ([], [])
    record = Server(name="shop", kind="connector", settings={"definition": made, "token": "store:shop"})
    assert secrets_of(record) == {"shop"}
    other = Server(name="it", kind="stdio", settings={"env": {"definition": "store:main"}})
    assert secrets_of(other) == {"main"}


def test_exactly_one_of_three():
    for given in ({}, {"connector": "github", "definition": bare()}, {"path": "/none", "definition": bare()}):
        ((path, reason),) = KINDS.validate("connector", given)
        assert path == ""
        assert reason == "give `connector`, the id of one that comes with Toolgate, or `path`, or `definition`"


@pytest.mark.promise("connectors.definition")
async def test_its_tools_are_served_with_an_icon_of_its_title(tmp_path: Path):
    made = {**bare(), "title": "<Shop> & sons"}
    async with serving(tmp_path, Replay([]), definition=made) as served:
        served.replay.plays.append(Play(200, {"name": "bolt"}))
        assert (await served.call("get_thing", id="7")).told == {"name": "bolt"}
        found = await served.upstream.discover(Grant("all"))
    assert served.replay.seen[0].path == "/things/7"
    assert found.server_info is not None
    source = json.loads(found.server_info)["icons"][0]["src"]
    icon = base64.b64decode(source.removeprefix("data:image/svg+xml;base64,"))
    assert ET.fromstring(icon)[1].text == "SS"


async def test_a_wrong_one_is_not_opened(tmp_path: Path):
    given = connector.Settings(definition={**bare(), "id": "No"})
    with pytest.raises(ConfigError, match=r"definition\.id: expected"):
        async with connector.open(spec(kind="connector"), given, toolbox(tmp_path)):
            pass


def test_a_base_url_of_this_machine_needs_no_https():
    made = bare()
    made["http"] = {"base_url": "http://127.0.0.1:8000/v1", "allow_hosts": ["127.0.0.1"]}
    assert filed(made) == []
    made["http"] = {"base_url": "http://127.0.0.1.evil.example", "allow_hosts": ["127.0.0.1"]}
    assert "must be an https URL" in filed(made)[0]


@pytest.mark.promise("connectors.definition")
def test_an_export_holds_it_and_is_read_back():
    made = {**bare(), "tools": [tool("get_thing")]}
    record = Server(name="shop", kind="connector", settings=settings(made))
    text = exporting.text_of([Wanted(record, frozenset(["kind", "settings"]))])
    (spec_,) = read(text, "toolgate.yaml", Surroundings(KINDS, None, Path.cwd())).servers
    assert spec_.settings == record.settings


def test_thousands_of_tools_with_the_same_thousands_of_arguments_are_not_gone_through():
    made = bare()
    made["mode"] = "search"
    made["shared"] = {"all": {f"p{number}": {"type": "string", "in": "query"} for number in range(3000)}}
    made["tools"] = [tool(name=f"get_thing_{number}", use=["all"], examples=[]) for number in range(1000)]
    assert recorded(made) == [
        ("settings.definition.tools", "have 3000000 arguments together, those of `shared` included; at most 50000")
    ]


def test_a_set_of_arguments_is_named_once():
    made = bare()
    made["shared"] = {"all": {"colour": {"type": "string", "in": "query"}}}
    made["tools"] = [tool(name="get_thing", use=["all", "all"], examples=[])]
    assert recorded(made) == [("settings.definition.tools[0].use", "names one of them twice")]


def test_one_wrong_key_among_very_many_is_found_at_once():
    """Each try costs as much as the whole, so that one for each key would take minutes."""
    made = bare()
    made["mode"] = "search"
    made["tools"] = [tool(name=f"get_thing_{number}", examples=[]) for number in range(500)]
    variables: dict[str, Any] = {f"v{number}": {"help": "What it is.", "pattern": "a"} for number in range(30_000)}
    variables["v7000"]["pattern"] = 3
    made["variables"] = variables
    began = time.monotonic()
    (found,) = recorded(made)
    assert found[0] == "settings.definition.variables.v7000.pattern"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("@" + "|[@,@]|[]" * 150, "may put the answer more than 1000 times into what it finds"),
        ("@" + "|join('',[@,@])" * 60, "may put the answer more than 1000 times into what it finds"),
        ("@" + "|to_string([@])" * 60, "may put the answer more than 1000 times into what it finds"),
        ("a[?length([@,@]" + "|[@,@]" * 20 + ")>`1`]", "may put the answer more than 1000 times into what it finds"),
        ("(" * 900 + "a" + ")" * 900, "is nested too deep"),
    ],
)
def test_an_expression_that_would_grow_without_end_is_told(expression: str, reason: str):
    made = bare()
    made["tools"] = [tool(name="get_thing", result=expression, examples=[])]
    assert recorded(made) == [("settings.definition.tools[0].result", reason)]


def test_globs_that_match_no_tool_are_told_up_to_a_number():
    made = bare()
    with pytest.raises(ConfigError) as refused:
        narrowing.offered(inline.read(made), msgspec.convert(settings(made, tools=["x*"] * 500), Settings))
    assert len(refused.value.findings) == 10
    assert KINDS.validate("connector", settings(made, tools=["x*"] * 501)) == [
        ("tools", "expected a list of length <= 500")
    ]


def test_what_looks_like_a_reference_in_a_document_takes_no_right_to_the_machine():
    """Nobody resolves it there; beside the document it counts."""
    made = bare()
    made["tools"] = [tool(name="get_thing", description="file: the path of a file in the shop.", examples=[])]
    server = Server(name="shop", kind="connector", settings=settings(made, token="store:key"))
    assert not needs.reads_the_host(server)
    assert needs.reads_the_host(msgspec.structs.replace(server, settings=settings(made)))


def test_unknown_settings_are_told_up_to_a_number():
    facts = Facts(
        directory=Directory(()), now=0.0, kinds=tuple(KINDS.names), fields=lambda kind: tuple(KINDS.fields(kind))
    )
    given: dict[str, Any] = {f"no{number}": 1 for number in range(1000)}
    found = list(servers.server(Server(name="shop", kind="connector", settings=given), facts))
    assert len(found) == 20
    assert all("unknown setting" in reason for _, reason in found)
