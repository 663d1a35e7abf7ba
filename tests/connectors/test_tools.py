"""Every tool of every connector that comes with Toolgate, against what its fixture says; and the lints."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from mcp import types

from tests.connectors.replay import TOKEN, Replay, Request
from tests.connectors.serving import USER, fixture, serving
from tests.ports.speaking import ALL
from toolgate.protocol import jsonrpc
from toolgate.upstreams.connector import definitions, reading
from toolgate.upstreams.connector.format import schema as format_schema

ROOT = Path(__file__).resolve().parents[2]
MOST_SHOWN = 8 * 1024
"""Bytes of the result of one fixture."""

CONNECTORS = reading.included()
EXAMPLES = [
    (id_, tool.name, number)
    for id_ in CONNECTORS
    for tool in reading.read(reading.INCLUDED / id_).tools
    for number in range(len(tool.examples))
]


BEARER = {"authorization": f"Bearer {TOKEN}"}
BASIC = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
SHOWN = {
    "datadog": {"dd-api-key": TOKEN, "dd-application-key": TOKEN, "accept": "application/json"},
    "github": {**BEARER, "x-github-api-version": "2022-11-28", "accept": "application/vnd.github*"},
    "notion": {**BEARER, "notion-version": "2026-03-11", "accept": "application/json"},
    "slack": {**BEARER, "accept": "application/json"},
    "hubspot": {**BEARER, "accept": "application/json"},
    "salesforce": {**BEARER, "accept": "application/json"},
    "sentry": {**BEARER, "accept": "application/json"},
}
SHOWN |= {name: {"authorization": f"Basic {BASIC}", "accept": "application/json"} for name in ("jira", "confluence")}
"""The headers that each request to a product must have, as globs: how the credential is shown, and what is pinned."""


def judged(id_: str) -> Callable[[Request], str | None]:
    """Whether a request has the headers of its product, each once."""

    def judge(request: Request) -> str | None:
        for name, wanted in SHOWN[id_].items():
            given = request.all(name)
            if len(given) != 1 or not fnmatchcase(given[0], wanted):
                return f"{name} is {given}, not {wanted!r} once"
        return None

    return judge


@pytest.mark.promise("connectors.tools")
@pytest.mark.parametrize(("id_", "name", "number"), EXAMPLES, ids=str)
async def test_every_tool_asks_and_answers_as_its_fixture_says(tmp_path: Path, id_: str, name: str, number: int):
    connector = reading.read(reading.INCLUDED / id_)
    example = next(tool for tool in connector.tools if tool.name == name).examples[number]
    played = fixture(id_, example.fixture)
    async with serving(tmp_path, Replay(played["exchanges"], judged(id_)), connector=id_) as served:
        reply = await served.call(name, **example.args)
        assert served.replay.complaints == []
        assert reply.told == played["expect"]
        assert json.loads(reply.text) == reply.told
        assert served.replay.left() == 0
        assert len(json.dumps(reply.told)) <= MOST_SHOWN


async def test_a_fixture_that_does_not_fit_is_noticed(tmp_path: Path):
    for member, wrong in (("method", "POST"), ("path", "/usr"), ("query", {"a": "b"}), ("body", {"a": 1})):
        played: Any = fixture("github", "get_me.json")
        played["exchanges"][0][member] = wrong
        async with serving(tmp_path, Replay(played["exchanges"])) as served:
            assert (await served.call("get_me")).failed
            assert f"{member} is" in served.replay.complaints[0]


@pytest.mark.parametrize("id_", CONNECTORS)
def test_no_fixture_is_left_over(id_: str):
    connector = reading.read(reading.INCLUDED / id_)
    assert None not in (connector.docs, connector.icon)
    named = {example.fixture for tool in connector.tools for example in tool.examples}
    assert {path.name for path in (reading.INCLUDED / id_ / "fixtures").iterdir()} == named


@pytest.mark.parametrize("id_", CONNECTORS)
async def test_every_definition_is_one_that_the_sdk_knows(tmp_path: Path, id_: str):
    async with serving(tmp_path, Replay([]), connector=id_) as served:
        found = await served.upstream.discover(ALL)
    for offer in found.offers:
        definition = json.loads(jsonrpc.encode(offer.definition))
        types.Tool.model_validate(definition)
        Draft202012Validator.check_schema(definition["inputSchema"])
        assert definition["annotations"]["readOnlyHint"] in (True, False)
    assert found.server_info is not None
    assert json.loads(found.server_info)["icons"][0]["src"].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize("id_", CONNECTORS)
def test_examples_fit_the_published_schemas(id_: str):
    connector = reading.read(reading.INCLUDED / id_)
    for tool in connector.tools:
        schema = definitions.definition(connector, tool)["inputSchema"]
        for example in tool.examples:
            Draft202012Validator(schema).validate(example.args)


def test_github_has_the_tools_that_people_expect():
    names = {tool.name for tool in reading.read(reading.INCLUDED / "github").tools}
    assert {"list_pull_requests", "create_issue", "get_repo_stats", "get_file_contents", "merge_pull_request"} <= names


def test_the_published_schema_is_the_format():
    published = (ROOT / "docs" / "reference" / "connector.schema.json").read_text(encoding="utf-8")
    made = msgspec.json.format(msgspec.json.encode(format_schema(), order="sorted"), indent=2).decode()
    assert published == made + "\n", "write it anew: see docs/extend/connectors.md"


@pytest.mark.parametrize("id_", CONNECTORS)
def test_connectors_fit_the_published_schema(id_: str):
    published = json.loads((ROOT / "docs" / "reference" / "connector.schema.json").read_text(encoding="utf-8"))
    plain = msgspec.to_builtins(reading.read(reading.INCLUDED / id_))
    Draft202012Validator(published).validate(json.loads(msgspec.json.encode(plain)))
