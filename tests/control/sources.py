"""Sources to compile, drawn by hypothesis from small pools so that names meet, and snapshots as plain values."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from toolgate.control.compiler import Source
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import (
    EVERYONE,
    Condition,
    Declared,
    GrantSpec,
    KeySpec,
    Override,
    Pick,
    PicksFrom,
    ServerSpec,
    TeamSpec,
    VirtualSpec,
)
from toolgate.model.snapshot import Endpoint, Listed, Row, Rule, Snapshot, Target

SERVERS = ("a", "b", "c")
VIRTUAL = ("v", "w")
TEAMS = ("t", "u")
KEYS = ("k", "l", "m")
NAMES = {
    OfferKind.TOOL: ("x", "xy", "y", "x.y", "b__x"),
    OfferKind.PROMPT: ("x", "xy"),
    OfferKind.RESOURCE: ("r:x", "r:y", "b+r:x"),
    OfferKind.TEMPLATE: ("r:{p}", "q:{p}"),
}
CAPABILITIES = (b"{}", b'{"tools":{}}', b'{"resources":{"subscribe":true},"completions":{}}')


async def run_one(call: Any, caller: Any) -> None:
    """Stands for what a target ends in; compilation does not call it."""


async def run_other(call: Any, caller: Any) -> None:
    """Another one: the server was opened anew."""


def definition(kind: OfferKind, name: str, flavour: int = 0) -> dict[str, msgspec.Raw]:
    member = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}.get(kind, "name")
    value: dict[str, Any] = {member: name, "description": f"flavour {flavour}"}
    if kind is OfferKind.TOOL:
        value["inputSchema"] = {"type": "object"}
        if flavour:
            value["outputSchema"] = {"type": "array"}
            value["execution"] = {"taskSupport": "optional"}
    return msgspec.json.decode(msgspec.json.encode(value), type=dict[str, msgspec.Raw])


def discovery(offers: tuple[Offer, ...], capabilities: bytes = b"{}", instructions: str | None = None) -> Discovery:
    return Discovery(frozenset({"modern"}), ("2026-07-28",), capabilities, None, instructions, offers)


offers = st.builds(
    lambda at, flavour: Offer(at[0], at[1], definition(at[0], at[1], flavour)),
    st.sampled_from([(kind, name) for kind, names in NAMES.items() for name in names]),
    st.integers(0, 1),
)
discoveries = st.builds(
    discovery, st.lists(offers, max_size=7).map(tuple), st.sampled_from(CAPABILITIES), st.sampled_from([None, "Hello."])
)

_globs = st.lists(st.sampled_from(["*", "x*", "?", "x", "b__x", "*y", "r:*", "r:x", "r:{p}"]), max_size=3).map(tuple)
_server_globs = st.lists(st.sampled_from(["*", "a", "b", "v", "?", "c*"]), min_size=1, max_size=2).map(tuple)
_picks = st.lists(st.builds(Pick, st.sampled_from(["*", "x*", "y"])), max_size=2).map(tuple)
_named_picks = st.lists(
    st.builds(Pick, st.sampled_from(["x", "xy"]), st.sampled_from([None, "z"]), st.sampled_from([None, "Declared."])),
    max_size=1,
).map(tuple)

_tags = st.lists(st.sampled_from(["p", "q"]), max_size=2, unique=True).map(tuple)
_risks = st.sampled_from([None, "read", "write"])
overrides = st.dictionaries(
    st.sampled_from(["x", "xy", "y"]),
    st.builds(
        Override, description=st.sampled_from([None, "Said here."]), hidden=st.booleans(), tags=_tags, risk=_risks
    ),
    max_size=2,
)
servers = st.builds(
    ServerSpec,
    st.sampled_from(SERVERS),
    st.just("echo"),
    st.just({}),
    timeout=st.sampled_from([1.0, 2.0]),
    tags=_tags,
    overrides=overrides,
)
NOW = 1_000.0
CONDITIONS = (
    Condition(argument="n", equals=1),
    Condition(argument="n", minimum=2),
    Condition(argument="who.name", prefix="a"),
    Condition(client="good-*"),
    Condition(networks=("10.0.0.0/8",)),
    Condition(hours="00:00-00:20"),
)
_conditions = st.lists(st.sampled_from(CONDITIONS), max_size=2).map(tuple)
virtual = st.builds(
    VirtualSpec,
    st.sampled_from(VIRTUAL),
    st.lists(
        st.builds(PicksFrom, st.sampled_from(SERVERS), st.one_of(_picks, _named_picks), _picks, _picks),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.sampled_from([None, "Chosen."]),
    _tags,
)
keys = st.builds(
    lambda name, teams, observer, roles, tools: KeySpec(
        name, name.encode(), teams, observer, subjects=roles, tools=tools
    ),
    st.sampled_from(KEYS),
    st.lists(st.sampled_from(TEAMS), unique=True).map(tuple),
    st.booleans(),
    st.sampled_from([(), ("role:r",)]),
    st.sampled_from([("*",), ("*",), ("x*", "a__*"), ("xy",), ()]),
)
grant_specs = st.builds(
    GrantSpec,
    st.sampled_from(
        [EVERYONE, "role:r", *(f"team:{team}" for team in TEAMS), *(f"key:{key}" for key in (*KEYS, "local"))]
    ),
    st.sampled_from(["allow", "allow", "deny"]),
    _server_globs,
    _globs,
    _globs,
    _globs,
    st.sampled_from([(), (), ("p",), ("p", "q")]),
    st.sampled_from([(), (), ("read",), ("read", "write")]),
    st.one_of(st.just(()), _conditions),
    st.sampled_from([None, None, NOW, NOW + 100]),
)


def _unique(strategy: Any, most: int) -> Any:
    return st.lists(strategy, max_size=most, unique_by=lambda spec: spec.name).map(tuple)


declared = st.builds(
    Declared,
    servers=_unique(servers, 3),
    virtual=_unique(virtual, 2),
    teams=st.just(tuple(TeamSpec(team) for team in TEAMS)),
    keys=_unique(keys, 3),
    grants=st.lists(grant_specs, max_size=6).map(tuple),
)


def known(discoveries: dict[str, Discovery], runs: dict[str, Any], declared: Declared, local: bytes | None) -> Source:
    """A source in which `discoveries` are known of those servers that are declared."""
    found = {spec.name: discoveries[spec.name] for spec in declared.servers if spec.name in discoveries}
    notes = {spec.name: "it is down" for spec in declared.servers if spec.name not in discoveries}
    return Source(declared, found, notes, runs, local, NOW)


sources = st.builds(
    known,
    st.dictionaries(st.sampled_from(SERVERS), discoveries),
    st.fixed_dictionaries({name: st.sampled_from([run_one, run_other]) for name in SERVERS}),
    declared,
    st.sampled_from([None, b"local"]),
)


def plain(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that a snapshot says, comparable; its generation and what was rendered from it are left out."""
    return {
        "endpoints": {name: _endpoint(endpoint) for name, endpoint in snapshot.endpoints.items()},
        "principals": dict(snapshot.principals),
        "rows": {name: _row(row) for name, row in snapshot.rows.items()},
        "shared": shared(snapshot),
        "notes": dict(snapshot.notes),
    }


def shared(snapshot: Snapshot) -> set[frozenset[str]]:
    """The sets of principals that have one row together."""
    by_row: dict[Row, set[str]] = {}
    for name, row in snapshot.rows.items():
        by_row.setdefault(row, set()).add(name)
    return {frozenset(names) for names in by_row.values()}


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "tools": {name: target_values(target) for name, target in endpoint.tools.items()},
        "prompts": {name: target_values(target) for name, target in endpoint.prompts.items()},
        "resources": {name: target_values(target) for name, target in endpoint.resources.items()},
        "shared": {name: [target_values(target) for target in several] for name, several in endpoint.shared.items()},
        "templates": [target_values(target) for target in endpoint.templates],
        "lists": {kind: [[_line(line) for line in own] for own in lists] for kind, lists in endpoint.lists.items()},
        "capabilities": endpoint.capabilities,
        "instructions": endpoint.instructions,
    }


def target_values(target: Target) -> tuple[Any, ...]:
    """A target without its pattern, which has no equality of its own."""
    return tuple(getattr(target, field) for field in target.__struct_fields__ if field != "pattern")


def _line(line: Listed) -> tuple[Any, ...]:
    return (line.part, line.bit, line.key, line.modern, line.legacy)


def _rule(rule: Rule) -> tuple[Any, ...]:
    return tuple(getattr(rule, field) for field in rule.__struct_fields__)


def _row(row: Row) -> tuple[Any, ...]:
    rules = {part: [_rule(one) for one in own] for part, own in row.rules.items()}
    denied = tuple((server.pattern, uri.pattern) for server, uri in row.denied_uris)
    return (dict(row.parts), denied, dict(row.conditional), rules, row.sees)
