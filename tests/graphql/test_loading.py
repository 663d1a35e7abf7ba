"""What an administrator chooses is judged before anything of it is served."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import build_schema, introspection_from_schema, parse, validate

from tests.connectors.serving import toolbox
from tests.graphql.serving import OPERATIONS, findings, settings
from tests.graphql.shop import SDL
from tests.ports.speaking import spec
from toolgate.control import needs
from toolgate.model.entities import Server
from toolgate.model.errors import ConfigError
from toolgate.upstreams import graphql
from toolgate.upstreams.graphql import definitions, inlining, operations

NO_SCHEMA: dict[str, Any] = {"schema": None}


def one(document: str, **members: Any) -> dict[str, Any]:
    return {"operations": {"it": {"document": document, **members.pop("operation", {})}}, **members}


def schema_of(**members: Any) -> dict[str, Any]:
    """The input schema of the only tool."""
    made, wrong = operations.prepared(settings(**members))
    assert not wrong
    return definitions.definition(made[0])["inputSchema"]


BOMB = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
BOMB = f"{{ ...F0 }} {BOMB} fragment F60 on Query {{ echo }}"
DEEP = "{ a " * 11 + "}" * 11
ALIASES = "{ " + " ".join(f'a{n}: echo(text: "x")' for n in range(21)) + " }"

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (one("subscription { orderChanged { id } }"), "operations.it", "is a subscription"),
    (one("{ ordr { id } }"), "operations.it.document", "Cannot query field 'ordr' on type 'Query'. Did you mean"),
    (one("{ order { id } }"), "operations.it.document", "of type 'String!' is required" ),
    (one("query ($n: Int!) { order(number: $n) { id } }"), "operations.it.document", "used in position expecting"),
    (one("query ($n: String!) { echo }"), "operations.it.document", "'$n' is never used"),
    (one("{ echo(text: $n) }"), "operations.it.document", "'$n' is not defined"),
    (one("query ($n: Order) { echo(text: $n) }"), "operations.it.document", "cannot be non-input type"),
    (one("{ echo ...F } fragment F on Query { ...F }"), "operations.it.document", "the fragment F uses itself"),
    (one("{ echo ...G }"), "operations.it.document", "there is no fragment G"),
    (one("{ echo } { secret }"), "operations.it", "operation without a name stands twice"),
    (one("query A { echo } query B { secret }"), "operations.it", "holds 2 operations"),
    (one("fragment F on Query { echo }"), "operations.it", "holds 0 operations"),
    (one("type Query { echo: String }"), "operations.it", "neither an operation nor a fragment"),
    (one("{ echo( }"), "operations.it", "line 1: is no GraphQL: Expected Name, found '}'"),
    (one(DEEP), "operations.it.document", "levels of fields, at most 10 are allowed (`max_depth`)"),
    (one("{ a " * 5000 + "}" * 5000), "operations.it", "nested too deep"),
    (one(ALIASES), "operations.it.document", "has 21 aliases, at most 20 are allowed (`max_aliases`)"),
    (one(ALIASES, max_aliases=50), "operations.it.document", "has 21 fields at the top, at most 10"),
    (one(BOMB), "operations.it.document", "than 1000000000 fields"),
    (one("{ echo @defer }", **NO_SCHEMA), "operations.it.document", "@defer asks for an answer in parts"),
    (one("query ($n: Int, $n: Int) { a(x: $n) }", **NO_SCHEMA), "operations.it.document", "one variable named '$n'"),
    (one("query ($w: Day) { a(w: $w) }", **NO_SCHEMA), "operations.it", "$w: the type Day is not built in: give"),
    (one("query ($p: Money!) { price(of: $p) }"), "operations.it", "$p: the scalar Money is the API's own"),
    (one("{ note: echo }"), "operations.it.document", "note at the top would stand where ours does"),
    (one("{ echo }", operation={"result": "echo["}), "operations.it.result", "is no JMESPath"),
    (one("{ echo }", operation={"constants": {"x": 1}}), "operations.it.constants.x", "has no variable $x"),
    (one("{ echo }", operation={"variables": {"x": {}}}), "operations.it.variables.x", "has no variable $x"),
    (
        one("query ($r: Reason!) { cancelOrder(number: 1, reason: $r) { id } }", operation={"constants": {"r": "NO"}}),
        "operations.it.document",
        "Cannot query field 'cancelOrder'",
    ),
    (
        one("mutation ($r: Reason!) { cancelOrder(number: 1 reason: $r) { id } }", operation={"constants": {"r": "N"}}),
        "operations.it",
        "constants.r: must be one of LATE, WRONG",
    ),
    (
        one("query ($n: Int) { orders(first: $n) { nodes { id } } }", operation={"constants": {"n": "env:COUNT"}}),
        "operations.it",
        "constants.n: a reference stands for a text",
    ),
    (
        one("query ($t: String) { echo(text: $t) }", operation={"variables": {"t": {"pattern": "(?=x)"}}}),
        "operations.it",
        "$t: the pattern is no RE2 pattern",
    ),
    (
        one("query ($t: String) { echo(text: $t) }", operation={"variables": {"t": {"schema": {"oneOf": []}}}}),
        "operations.it",
        "$t: the JSON Schema has `oneOf`",
    ),
    ({"operations": {"it": {}}, "path": "/nowhere"}, "path", "there is no such file or folder"),
    ({"schema": "type Query { a: Foo }"}, "schema", "Unknown type: 'Foo'"),
    ({"schema": "{}"}, "schema", "is no schema of GraphQL"),
    ({"schema": '{"data": '}, "schema", "is neither SDL nor JSON"),
    ({"schema": None, "schema_file": "/etc/passwd"}, "schema_file", "must end in .graphql"),
]  # fmt: skip


@pytest.mark.promise("graphql.judged")
@pytest.mark.parametrize(("members", "place", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_told_with_its_place(members: dict[str, Any], place: str, reason: str):
    found = findings(**members)
    assert any(where == place and reason in text for where, text in found), found


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"url": "ftp://x.example"}, "must begin with http"),
        ({"url": "https://a:b@x.example/"}, "credentials"),
        ({"operations": {}}, "give `operations`"),
        ({"schema_file": "x.graphql"}, "not both"),
        ({"operations": {"Get": {"document": "{ echo }"}}}, "matching regex"),
    ],
)
def test_settings_that_cannot_be(members: dict[str, Any], reason: str):
    given = {"url": "https://x.example/", "schema": SDL, "operations": OPERATIONS, **members}
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(given, graphql.Settings)


@pytest.mark.promise("graphql.confined")
@pytest.mark.parametrize("url", ["http://shop.example/graphql", "http://10.0.0.1/graphql"])
async def test_a_credential_is_shown_over_https_only(tmp_path: Path, url: str):
    chosen = settings(url)
    assert [place for place, _ in chosen.flaws()] == ["url"]
    with pytest.raises(ConfigError, match="asked over https"):
        async with graphql.open(spec(kind="graphql"), chosen, toolbox(tmp_path)):
            pass
    assert not settings(url, plain_http=True).flaws()


async def test_nothing_is_served_of_a_server_with_one_wrong_operation(tmp_path: Path):
    chosen = settings(operations={**OPERATIONS, "bad": {"document": "{ ordr { id } }"}})
    with pytest.raises(ConfigError) as caught:
        async with graphql.open(spec(kind="graphql"), chosen, toolbox(tmp_path)):
            pass
    assert caught.value.findings == (
        "server it: operations.bad.document: line 1: Cannot query field 'ordr' on type 'Query'."
        " Did you mean 'order' or 'orders'?",
    )


@pytest.mark.promise("graphql.typed")
def test_types_become_json_schema():
    told = schema_of(**one("query ($filter: OrderFilter) { orders(filter: $filter, first: 1) { nodes { id } } }"))
    members = told["properties"]["filter"]
    assert members["description"] == "Which orders are meant."
    assert set(members["properties"]) == {"states", "total"}, "what is nested without end is left out"
    assert members["properties"]["states"] == {
        "type": "array",
        "items": {"type": "string", "enum": ["OPEN", "SHIPPED"]},
        "maxItems": 100,
        "description": "Only in these states.",
    }
    total = members["properties"]["total"]
    assert total["required"] == ["max"]
    assert total["properties"]["min"] == {"type": "integer", "format": "int32", "default": 0}
    assert "required" not in told


@pytest.mark.promise("graphql.typed")
def test_what_is_said_of_a_variable_is_in_its_schema():
    document = "query ($text: String!, $when: DateTime) { echo(text: $text) at(when: $when) }"
    said = {"text": {"description": "The words.", "pattern": "[a-z]+", "max_length": 9}}
    told = schema_of(**one(document, operation={"variables": said}))
    assert told["properties"] == {
        "text": {"type": "string", "maxLength": 9, "description": "The words.", "pattern": "[a-z]+"},
        "when": {"type": "string", "format": "date-time", "maxLength": 1000},
    }
    assert told["required"] == ["text"]


@pytest.mark.promise("graphql.typed")
def test_without_a_schema_the_built_in_types_are_enough():
    document = """# Adds up.
    query Sum(
      # What is added.
      $numbers: [Int!]!
      $exact: Boolean = true, $day: Day!
    ) { sum(of: $numbers, exact: $exact, day: $day) }"""
    types = {"Day": {"type": "string", "enum": ["MON", "TUE"]}}
    made, wrong = operations.prepared(settings(**one(document, types=types, **NO_SCHEMA)))
    assert not wrong
    told = definitions.definition(made[0])
    assert told["description"] == "Adds up."
    assert told["inputSchema"] == {
        "type": "object",
        "properties": {
            "numbers": {
                "type": "array", "items": {"type": "integer", "format": "int32"}, "maxItems": 100,
                "description": "What is added.",
            },
            "exact": {"type": "boolean", "default": True},
            "day": {"type": "string", "enum": ["MON", "TUE"]},
        },
        "additionalProperties": False,
        "required": ["numbers", "day"],
    }  # fmt: skip


def test_hints_come_from_the_kind_of_operation_until_somebody_says_otherwise():
    chosen = {
        **OPERATIONS,
        "change_order": {**OPERATIONS["change_order"], "hints": {"destructive": False, "idempotent": True}},
    }
    made, _ = operations.prepared(settings(operations=chosen))
    told = {tool.name: definitions.definition(tool)["annotations"] for tool in made}
    assert told["get_order"]["readOnlyHint"]
    assert told["get_order"]["idempotentHint"]
    assert (told["cancel_order"]["readOnlyHint"], told["cancel_order"]["destructiveHint"]) == (False, True)
    assert (told["change_order"]["destructiveHint"], told["change_order"]["idempotentHint"]) == (False, True)


def folder(home: Path) -> Path:
    made = home / "operations"
    (made / "more").mkdir(parents=True)
    (made / "orders.graphql").write_text(
        "# Finds one.\nquery GetOrder($n: String!) { order(number: $n) { ...Head } }\n"
    )
    (made / "more" / "head.gql").write_text(
        "fragment Head on Order { number customer { name } }"
        " mutation C($n: ID!) { cancelOrder(number: $n) { ...Head } }"
    )
    (made / "operations.yaml").write_text("operations: {get_order: {title: An order, result: order.number}}\n")
    return made


def test_a_folder_of_documents_shares_its_fragments(tmp_path: Path):
    made, wrong = operations.prepared(settings(operations=None, path=str(folder(tmp_path))))
    assert not wrong
    assert [(tool.name, tool.declared.title) for tool in made] == [("c", None), ("get_order", "An order")]
    assert all("fragment Head on Order" in tool.document.text for tool in made)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("orders2.graphql", "query getOrder { echo }", "the tool get_order would stand twice (the other is in "),
        ("x.graphql", "query GetOrder { echo }", "x.graphql:1: operation GetOrder stands twice"),
        ("x.graphql", "\n{ echo }", "x.graphql:2: has no name"),
        ("x.graphql", "query X {\n ordr { id } }", "x.graphql:2: Cannot query field 'ordr'"),
        ("x.graphql", "query X { echo", "x.graphql:1: is no GraphQL"),
        ("x.graphql", "#" + "x" * 70_000, "x.graphql: is larger than 65536 bytes"),
        ("operations.yaml", "operations: {get_ordr: {}}", "makes a tool get_ordr (did you mean `get_order`?)"),
        ("operations.yaml", "operations: {get_order: {titel: x}}", "operations.yaml: Object contains unknown field"),
        ("operations.yaml", "{", "operations.yaml: cannot be read as YAML"),
    ],
)  # fmt: skip
@pytest.mark.promise("graphql.judged")
def test_what_is_wrong_in_a_folder_names_the_file(tmp_path: Path, name: str, text: str, reason: str):
    made = folder(tmp_path)
    (made / name).write_text(text)
    found = findings(operations=None, path=str(made))
    assert any(place == "path" and reason in told for place, told in found), found


def test_a_folder_with_too_much_in_it_is_not_gone_through(tmp_path: Path):
    made = folder(tmp_path)
    for number in range(2001):
        (made / f"{number}.txt").touch()
    ((_, told),) = findings(operations=None, path=str(made))
    assert "holds more than 2000 files" in told


RICH = """query Rich($f: OrderFilter, $n: String!) {
  orders(filter: $f, first: 1) { edges { node { ... on Node { id } __typename customer { ...C } } } }
  order(number: $n) { ... on Order { state } }
}
fragment C on Customer { name ... on Node { __typename } }"""


def test_a_schema_that_defines_a_thing_twice_is_good_enough_to_judge_by():
    twice = "type Query { echo: String } type A { x: Int x: Int } enum B { C C }"
    assert findings(**one("{ echo }", schema=twice)) == []
    ((_, told),) = findings(**one("{ ecco }", schema=twice))
    assert "Did you mean 'echo'?" in told


@pytest.mark.promise("graphql.recorded")
def test_of_a_schema_what_is_used_is_kept(tmp_path: Path):
    made = folder(tmp_path)
    (made / "rich.graphql").write_text(RICH)
    file = tmp_path / "shop.json"
    introspected = {"data": introspection_from_schema(build_schema(SDL))}
    file.write_bytes(msgspec.json.encode(introspected))
    found = inlining.inlined({"url": "https://x.example/graphql", "path": str(made), "schema_file": str(file)})
    assert set(found.settings) == {"url", "operations", "schema"}
    kept = build_schema(found.settings["schema"])
    assert not {"Money", "Found", "OrderChange", "Who", "Item"} & set(kept.type_map)
    assert set(kept.type_map["Customer"].fields) == {"id", "name"}  # pyright: ignore[reportAttributeAccessIssue]
    assert validate(kept, parse(RICH)) == []
    whole, wrong = operations.prepared(settings(operations=None, path=str(made)))
    again, wrong_again = operations.prepared(msgspec.convert(found.settings, graphql.Settings))
    assert not wrong
    assert not wrong_again
    told = {tool.name: definitions.definition(tool) for tool in whole}
    assert {tool.name: definitions.definition(tool) for tool in again} == told
    assert {tool.name: tool.body for tool in again} == {tool.name: tool.body for tool in whole}
    assert {(name, reads) for name, reads, _ in found.tools} == {("c", False), ("get_order", True), ("rich", True)}


@pytest.mark.promise("control.own-machine")
@pytest.mark.parametrize("setting", ["path", "schema_file", "ca_file"])
def test_files_of_the_gateways_machine_need_the_right_to_it(setting: str):
    given = {"url": "https://x.example/graphql", "operations": OPERATIONS}
    assert not needs.reads_the_host(Server(name="shop", kind="graphql", settings=given))
    assert needs.reads_the_host(Server(name="shop", kind="graphql", settings={**given, setting: "/etc/shop.graphql"}))


def test_the_parser_is_loaded_for_this_kind_alone():
    program = (
        "import sys, toolgate.cli.up, toolgate.cli.records.server, toolgate.upstreams.connector;"
        " sys.exit('graphql' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_documents_that_take_long_to_read_are_judged_when_the_server_is_opened():
    """Whoever saves a record holds up nobody; how much there may be at all is told at once."""
    wide = "{ " + " ".join(f"f{number}" for number in range(4000)) + " }"
    many = {f"it_{number}": {"document": wide} for number in range(20)}
    assert settings(schema=None, operations=many).flaws() == []
    _, wrong = operations.prepared(settings(schema=None, operations={"it": {"document": wide}}))
    assert "has 4000 fields, at most 300" in wrong[0][1]
    with pytest.raises(msgspec.ValidationError, match="larger than 524288 characters together"):
        settings(schema=None, operations={f"it_{number}": {"document": wide} for number in range(30)})
