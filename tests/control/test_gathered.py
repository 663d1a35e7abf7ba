"""Records and the file together, as the compiler gets them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.control.company import digest, discovery, draft, key, server
from tests.control.sources import run_one
from toolgate.control.compiler import Source, compile_all
from toolgate.control.gathered import gather, gather_steps, grant_spec
from toolgate.model.declared import (
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
from toolgate.model.entities import (
    Binding,
    Entity,
    Grant,
    GroupMapping,
    Role,
    Secret,
    Server,
    ServerState,
    ServiceAccount,
    Stamp,
    Team,
    User,
    Virtual,
)
from toolgate.rules.directory import Directory

NOW = 1000.0
FILE = Declared(
    servers=(ServerSpec("filed", "echo", {}),),
    virtual=(VirtualSpec("filed-v", (PicksFrom("filed", (Pick("*"),)),)),),
    teams=(TeamSpec("filed-t"),),
    keys=(KeySpec("filed-k", b"f" * 32, ("filed-t",)),),
    grants=(GrantSpec("team:filed-t", "allow", ("filed",), ("*",)),),
    file=Path("toolgate.yaml"),
)


def gathered(*records: Entity, file: Declared | None = None, now: float = NOW):
    return gather(Directory(records, file), now)


def virtual(name: str, *sources: str, state: ServerState = ServerState.LIVE) -> Virtual:
    return Virtual(name=name, offers=tuple(PicksFrom(one, (Pick("*"),)) for one in sources), state=state)


@pytest.mark.promise("gathered.file-and-records")
@pytest.mark.parametrize(
    ("record", "path"),
    [
        (server("filed"), "servers.filed"),
        (server("filed-v"), "servers.filed-v"),
        (virtual("filed", "filed"), "virtual.filed"),
        (Team(name="filed-t"), "teams.filed-t"),
        (key("filed-k"), "keys.filed-k"),
    ],
)
def test_a_name_that_both_have_is_an_error_that_names_both(record: Entity, path: str):
    found = gathered(record, file=FILE)
    assert [where for where, _ in found.findings] == [path]
    assert found.findings[0][1].startswith("toolgate.yaml and the registry both have a")
    assert found.declared == FILE
    labelled = msgspec.structs.replace(record, stamp=Stamp(managed_by="apply:ops"))
    assert "toolgate.yaml and apply:ops both" in gathered(labelled, file=FILE).findings[0][1]


def test_the_file_goes_on_beside_the_records():
    found = gathered(server("crm", tags=("x",)), key("k"), Team(name="t"), file=FILE)
    assert found.findings == ()
    assert [spec.name for spec in found.declared.servers] == ["filed", "crm"]
    assert [spec.name for spec in found.declared.keys] == ["filed-k", "k"]
    assert found.declared.keys[0].subjects == ("team:filed-t",)
    assert found.declared.grants == FILE.grants
    assert found.declared.file == FILE.file
    assert gathered(file=FILE).declared.servers == FILE.servers


@pytest.mark.promise("gathered.served")
@pytest.mark.parametrize("state", list(ServerState))
def test_servers_by_state(state: ServerState):
    found = gathered(server("crm", state=state), virtual("v", "crm")).declared
    listed = {ServerState.LIVE: True, ServerState.DRAINING: False}
    assert [(spec.name, spec.listed) for spec in found.servers] == ([("crm", listed[state])] if state in listed else [])
    assert [spec.name for spec in found.virtual] == (["v"] if state in listed else [])
    assert ("crm" in found.withheld) is (state is ServerState.PAUSED)
    assert ("v" in found.withheld) is (state not in listed)


def test_a_virtual_server_keeps_what_its_live_servers_offer():
    found = gathered(
        server("a"), draft("b"), virtual("v", "a", "b"), virtual("p", "a", state=ServerState.PAUSED)
    ).declared
    assert [[picks.server for picks in spec.offers] for spec in found.virtual] == [["a"]]
    assert found.withheld == {"p": "the virtual server p is paused"}


def test_a_server_becomes_a_spec_whole():
    overrides = {"x": Override(description="Better.")}
    one = server(
        "crm", "t", headers={"X-Key": "store:token"}, era="modern", sharing="team", timeout=5.0, max_bytes=2048,
        tags=("a",), overrides=overrides,
    )  # fmt: skip
    found = gathered(one, Secret(name="token", sealed="x", key_id="y"))
    spec = found.declared.servers[0]
    assert spec == ServerSpec(
        "crm",
        "streamable_http",
        one.settings,
        (("X-Key", "store:token"),),
        "modern",
        "team",
        5.0,
        2048,
        ("a",),
        overrides,
    )
    assert found.uses == {"crm": frozenset({"token"})}
    assert [secret.name for secret in found.secrets] == ["token"]


PEOPLE: tuple[Entity, ...] = (
    User(name="ann", groups=("idp",)),
    User(name="gone", active=False),
    ServiceAccount(name="robot"),
    Team(name="top"),
    Team(name="mid", parent="top"),
    Team(name="low", parent="mid", members=("user:ann",)),
    Team(name="owned", owners=("service:robot",)),
    Team(name="by-group"),
    GroupMapping(name="idp", teams=("by-group",)),
    Role(name="caller", permissions=("server:read",)),
    Binding(name="b1", subject="team:top", role="caller"),
    Binding(name="b2", subject="user:ann", role="publisher", expires=NOW + 10),
    Binding(name="b3", subject="user:ann", role="auditor", scope="team:low"),
    Binding(name="b4", subject="group:idp", role="approver"),
)


def test_who_a_key_stands_for_is_resolved_once():
    keys = (key("ann", "user:ann", cost_center="c1"), key("robot", "service:robot"), key("alone", teams=("low",)))
    found = gathered(*PEOPLE, *keys)
    by_name = {one.name: one for one in found.declared.keys}
    ann, alone, robot = by_name["ann"], by_name["alone"], by_name["robot"]
    assert ann.subjects == (
        "role:approver", "role:caller", "role:publisher",
        "team:by-group", "team:low", "team:mid", "team:top", "user:ann",
    )  # fmt: skip
    assert ann.teams == ("by-group", "low", "mid", "top")
    assert (ann.owner, ann.cost_center, ann.digest.hex()) == ("user:ann", "c1", digest("ann"))
    assert robot.subjects == ("service:robot", "team:owned")
    assert alone.subjects == ("role:caller", "team:low", "team:mid", "team:top")
    assert found.until == NOW + 10
    later = gathered(*PEOPLE, *keys, now=NOW + 10)
    assert "role:publisher" not in next(one for one in later.declared.keys if one.name == "ann").subjects
    assert later.until is None


@pytest.mark.promise("gathered.served")
def test_revoked_keys_and_those_of_nobody_active_are_none():
    found = gathered(
        *PEOPLE,
        key("a", "user:ann", revoked=True),
        key("b", "user:gone"),
        key("c", "user:never"),
        key("d", expires=1.0),
    )
    assert [one.name for one in found.declared.keys] == ["d"]


def test_labels_alone_mean_all_that_has_them():
    def spec(**more: Any) -> tuple[tuple[str, ...], ...]:
        found = grant_spec(Grant(name="g", subject="everyone", **more))
        return found.servers, found.tools, found.prompts, found.resources

    assert spec(tags=("x",)) == (("*",), ("*",), ("*",), ("*",))
    assert spec(risks=("high",)) == (("*",), ("*",), (), ())
    assert spec(servers=("a",), tools=("t",), tags=("x",)) == (("a",), ("t",), (), ())


def test_what_is_gathered_compiles():
    found = gathered(
        *PEOPLE,
        server("crm"),
        key("ann", "user:ann"),
        Grant(name="g", subject="team:top", servers=("crm",), tools=("*",)),
    )
    compiled = compile_all(Source(found.declared, {}, {}, {}, None))
    assert set(compiled.snapshot.endpoints) == {"", "crm"}
    assert "key:ann" in compiled.snapshot.rows


@pytest.mark.promise("control.bootstrap")
def test_the_bootstrap_key_calls_nothing_without_a_grant():
    offers = discovery(find={"type": "object"})
    found = gathered(server("crm"), Grant(name="g", subject="user:ann", servers=("crm",), tools=("*",)), *PEOPLE)
    source = Source(found.declared, {"crm": offers}, {}, {"crm": run_one}, b"local")
    assert compile_all(source).snapshot.rows["key:local"].parts == {}
    granted = gathered(server("crm"), Grant(name="g", subject="key:local", servers=("crm",), tools=("*",)))
    source = Source(granted.declared, {"crm": offers}, {}, {"crm": run_one}, b"local")
    assert compile_all(source).snapshot.rows["key:local"].parts == {"crm": b"\x01"}


def test_a_thousand_people_are_gathered_in_slices():
    people = [User(name=f"u{n}", groups=(f"g{n % 20}",)) for n in range(1000)]
    teams = [Team(name=f"t{n}", members=tuple(f"user:u{m}" for m in range(n, 1000, 50))) for n in range(50)]
    groups = [GroupMapping(name=f"g{n}", teams=(f"t{n}",)) for n in range(20)]
    keys = [key(f"k{n}", f"user:u{n}") for n in range(1000)]
    servers: list[Server] = [server(f"s{n}") for n in range(200)]
    grants = [
        Grant(name=f"r{n}", subject=f"team:t{n % 50}", servers=(f"s{n % 200}",), tools=("*",)) for n in range(800)
    ]
    directory = Directory([*people, *teams, *groups, *keys, *servers, *grants])
    slices: list[float] = []
    steps = gather_steps(directory, NOW)
    found = None
    while found is None:
        began = time.process_time()
        try:
            next(steps)
        except StopIteration as done:
            found = done.value
        slices.append(time.process_time() - began)
    assert sum(slices) < 1.0
    assert statistics.median(slices) < 0.005
    assert len(slices) > 10
    assert len(found.declared.keys) == 1000
    assert gather(directory, NOW) == found
