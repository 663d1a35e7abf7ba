"""What is wrong with each kind of record: the field, and the reason; all findings at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.company import KINDS, digest, discovery, key, server
from toolgate.control.collections import COLLECTIONS
from toolgate.model.declared import Condition, Declared, KeySpec, Override, Pick, PicksFrom, ServerSpec, TeamSpec
from toolgate.model.entities import (
    Binding,
    Entity,
    Grant,
    GroupMapping,
    Role,
    Secret,
    ServerState,
    ServiceAccount,
    Team,
    User,
    Virtual,
)
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts
from toolgate.rules.referrers import secrets_of

NOW = 1_000_000.0
KNOWN: tuple[Entity, ...] = (
    User(name="ann"),
    ServiceAccount(name="robot"),
    Team(name="red", parent="top", members=("user:ann",)),
    Team(name="top"),
    Role(name="caller", permissions=("server:read",)),
    Secret(name="token", sealed="x", key_id="y"),
    server("crm", "red", tags=("crm",), overrides={"find": Override(risk="high", tags=("pii",))}),
    Virtual(name="all", offers=(PicksFrom("crm", (Pick("*"),)),)),
    key("known", "user:ann"),
    Grant(name="no-deletes", subject="team:top", effect="deny", servers=("crm",), tools=("delete_*",)),
)
FILE = Declared(
    servers=(ServerSpec("filed", "echo", {}),), teams=(TeamSpec("filed-t"),), keys=(KeySpec("filed-k", bytes(32)),)
)
DISCOVERIES = {
    "crm": discovery(
        find={
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "stage": {"enum": ["lead", "won"]},
                "where": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False},
            },
        },
        delete_all={"type": "object", "properties": {"path": {"type": "string"}}},
    )
}


def findings(value: Entity, before: Entity | None = None) -> list[tuple[str, str]]:
    directory = Directory([*KNOWN, *([] if before is None else [before])], FILE)
    facts = Facts(
        directory=directory,
        now=NOW,
        kinds=tuple(KINDS.names),
        fields=KINDS.fields,
        judge_settings=KINDS.validate,
        discoveries=DISCOVERIES,
    )
    return list(COLLECTIONS[type(value)].findings(value, facts.about(value)))


def grant(**more: Any) -> Grant:
    return Grant(**{"name": "g", "subject": "team:red", "servers": ("crm",), "tools": ("find",)} | more)


def when(**test: Any) -> Grant:
    return grant(conditions=(Condition(**test),))


def virtual(*picks: Pick, kind: str = "tools", source: str = "crm") -> Virtual:
    return Virtual(name="v", offers=(PicksFrom(source, **{kind: picks}),))


def links(**given: str):
    return server("s", links=given)


FINE: list[Entity] = [
    *KNOWN,
    server(
        "s", "red", tags=("risk:write",), links={"docs": "https://wiki.example/a?b=c"}, icon="https://x.example/i.png"
    ),
    server("s", headers={"Authorization": "Bearer store:token", "X-Team": "red"}),
    server("s", overrides={"find": Override(description="Finds.", tags=("a",), risk="low")}),
    server("s", kind="stdio", settings={"command": ["run"], "env": {"TOKEN": "env:TOKEN"}}),
    virtual(Pick("find", "search", "Searches."), Pick("del*")),
    virtual(Pick("*"), source="filed"),
    Team(name="deep", parent="red", members=("user:ann", "service:robot"), owners=("user:ann",)),
    User(name="a.b+c@example.com", email="a@b.example", groups=("Eng - All", "00g1abc")),
    Binding(name="b", subject="group:Whatever It Is", role="caller", scope="team:filed-t", expires=NOW + 1),
    Binding(name="b", subject="team:red", role="owner", scope="server:all"),
    GroupMapping(name="Eng/Platform", teams=("red", "filed-t")),
    key(
        "k", "service:robot", audiences=("crm", "all", ""), tools=("crm__*",), networks=("10.0.0.0/8", "2001:db8::/32")
    ),
    grant(),
    grant(subject="everyone", servers=("c*",), tools=("*",)),
    grant(servers=(), tools=(), tags=("crm",)),
    grant(servers=(), tools=(), risks=("high",)),
    grant(servers=("all",), tools=(), tags=("pii", "crm"), risks=("high",)),
    grant(subject="key:local"),
    grant(subject="role:publisher", effect="deny"),
    grant(subject="role:caller"),
    when(argument="query", prefix="a"),
    when(argument="limit", minimum=10),
    when(argument="limit", equals=7),
    when(argument="stage", one_of=("won", "lost")),
    when(argument="where.city", pattern="^(Rome|Paris)$"),
    when(client="claude*"),
    when(networks=("10.0.0.0/8",)),
    when(hours="22:00-06:00", days=("mon", "fri"), zone="Europe/Berlin"),
    when(hours="00:00-24:00"),
    grant(servers=("filed",), tools=("anything",), conditions=(Condition(argument="x", equals=1),)),
]


@pytest.mark.parametrize("value", FINE, ids=lambda value: f"{value.KIND}-{value.name}")
def test_what_is_right_has_no_findings(value: Entity):
    assert findings(value) == []


WRONG: list[tuple[Entity, str, str]] = [
    (server("Bad"), "name", "a name is 1 to 40"),
    (server("all"), "name", "a virtual server has this name"),
    (server("filed"), "name", "a file declares one of this name"),
    (server("s", kind="studio"), "kind", "did you mean `stdio`?"),
    (server("s", settings={"url": "https://x.example", "ur": 1}), "settings.ur", "did you mean `url`?"),
    (server("s", settings={}), "settings", "`url` is missing"),
    (server("s", settings={"url": 7}), "settings.url", "expected a text"),
    (server("s", settings={"url": "x.example/mcp"}), "settings.url", "must begin with http:// or https://"),
    (server("s", settings={"url": "ftp://x.example"}), "settings.url", "must begin with http:// or https://"),
    (server("s", settings={"url": "https://me:pw@x.example"}), "settings.url", "user name or password"),
    (server("s", settings={"url": "https://x.example?api_key=abc"}), "settings.url", "must not hold a secret"),
    (server("s", settings={"url": "https://x.example", "ca_file": "ca.pem"}), "settings.ca_file", "absolute path"),
    (server("s", headers={"Authorization": "Bearer abc"}), "headers.Authorization", "plain text"),
    (server("s", headers={"Authorization": "Bearer store:tokn"}), "headers.Authorization", "did you mean `token`?"),
    (server("s", headers={"Authorization": "file:key"}), "headers.Authorization", "absolute path after `file:`"),
    (server("s", headers={"Authorization": "env:A-B"}), "headers.Authorization", "environment variable"),
    (server("s", headers={"Authorization": "store:A_B"}), "headers.Authorization", "name of a stored secret"),
    (server("s", headers={"Host": "x"}), "headers.Host", "Toolgate sets this header itself"),
    (server("s", headers={"Mcp-Name": "x"}), "headers.Mcp-Name", "Toolgate sets this header itself"),
    (server("s", headers={"X Y": "x"}), "headers.X Y", "not the name of a header"),
    (server("s", headers={"X-A": "1", "x-a": "2"}), "headers.x-a", "already given"),
    (server("s", headers={"X-A": "a\r\nB: c"}), "headers.X-A", "printable ASCII"),
    (
        server("s", kind="stdio", settings={"command": ["x"]}, headers={"A": "b"}),
        "headers",
        "only a server with a `url`",
    ),
    (
        server("s", kind="stdio", settings={"command": ["x", "env:TOKEN"]}),
        "settings.command[1]",
        "cannot stand in a list",
    ),
    (
        server("s", kind="stdio", settings={"command": ["x"], "env": {"API_KEY": "abc"}}),
        "settings.env.API_KEY",
        "plain",
    ),
    (server("s", "nobody"), "owner", "no team of this name"),
    (server("s", timeout=0.0), "timeout", "between 0.01 and 3600"),
    (server("s", timeout=float("nan")), "timeout", "between 0.01 and 3600"),
    (server("s", max_bytes=1), "max_bytes", "between 1024"),
    (server("s", tags=("A B",)), "tags[0]", "a tag or risk is"),
    (server("s", tags=("a", "a")), "tags[1]", "already stands"),
    (links(docs="http://x.example"), "links.docs", "expected an https:// URL"),
    (links(docs="https://me@x.example"), "links.docs", "user name or password"),
    (links(docs="javascript:alert(1)"), "links.docs", "expected an https:// URL"),
    (links(docs="https://[x"), "links.docs", "not a URL"),
    (server("s", icon="data:image/png;base64,AA"), "icon", "expected an https:// URL"),
    (server("s", description="a\u202eb"), "description", "cannot be seen"),
    (server("s", overrides={"t": Override(risk="Very High")}), "overrides.t.risk", "a tag or risk is"),
    (server("s", overrides={"": Override()}), "overrides.", "name of a tool"),
    (Virtual(name="v", offers=()), "offers", "nothing is chosen"),
    (Virtual(name="crm", offers=(PicksFrom("crm", (Pick("*"),)),)), "name", "a server has this name"),
    (virtual(Pick("*"), source="cmr"), "offers[0].server", "did you mean `crm`?"),
    (virtual(Pick("*"), source="all"), "offers[0].server", "no server of this name"),
    (virtual(), "offers[0]", "nothing is chosen"),
    (virtual(Pick("a*"), Pick("ab")), "offers[0].tools[1]", "can never match"),
    (virtual(Pick("a"), Pick("b", "a")), "offers[0].tools[1]", "another of the tools"),
    (virtual(Pick("a*", "b")), "offers[0].tools[0]", "a glob can match several"),
    (virtual(Pick("a", "b c")), "offers[0].tools[0].rename", "a name towards clients"),
    (virtual(Pick("a:b", "c"), kind="resources"), "offers[0].resources[0].rename", "known by its URI"),
    (Team(name="t", parent="t"), "parent", "cannot be above itself: t > t"),
    (Team(name="top", parent="red"), "parent", "cannot be above itself: top > red > top"),
    (Team(name="filed-t"), "name", "declares one of this name"),
    (Team(name="t", members=("robot",)), "members[0]", "expected user:NAME, service:NAME"),
    (Team(name="t", members=("team:red",)), "members[0]", "expected user:NAME, service:NAME"),
    (Team(name="t", owners=("user:an",)), "owners[0]", "did you mean `ann`?"),
    (User(name="a b"), "name", "a login name"),
    (User(name="a", email="nobody"), "email", "e-mail"),
    (User(name="a", groups=("\n",)), "groups[0]", "an external group"),
    (ServiceAccount(name="s", owner="rad"), "owner", "did you mean `red`?"),
    (Role(name="admin", permissions=("server:read",)), "name", "built-in role"),
    (Role(name="r", permissions=()), "permissions", "without permissions"),
    (Role(name="r", permissions=("server:reed",)), "permissions[0]", "did you mean `server:read`?"),
    (Binding(name="b", subject="key:known", role="owner"), "subject", "expected user:NAME"),
    (Binding(name="b", subject="user:ann", role="ownr"), "role", "did you mean `owner`?"),
    (Binding(name="b", subject="user:ann", role="owner", scope="everything"), "scope", "expected organisation"),
    (Binding(name="b", subject="user:ann", role="owner", scope="server:cm"), "scope", "did you mean `crm`?"),
    (Binding(name="b", subject="user:ann", role="owner", scope="team:gone"), "scope", "no team of this name"),
    (Binding(name="b", subject="user:ann", role="owner", expires=NOW), "expires", "no moment to come"),
    (Binding(name="b", subject="user:ann", role="owner", expires=float("nan")), "expires", "no moment to come"),
    (GroupMapping(name="g", teams=("gone",)), "teams[0]", "no team of this name"),
    (key("local"), "name", "bootstrap key"),
    (key("filed-k"), "name", "declares one of this name"),
    (key("k", "team:red"), "owner", "expected user:NAME, service:NAME"),
    (key("k", audiences=()), "audiences", "nothing means nothing"),
    (key("k", tools=()), "tools", "nothing means nothing"),
    (key("k", networks=()), "networks", "nothing means nothing"),
    (key("k", audiences=("gone",)), "audiences[0]", "no server of this name"),
    (key("k", networks=("10.0.0.1/8",)), "networks[0]", "did you mean 10.0.0.0/8?"),
    (key("k", networks=("ten",)), "networks[0]", "no range of addresses"),
    (key("k", expires=NOW - 1), "expires", "no moment to come"),
    (grant(name="G"), "name", "a name is"),
    (grant(subject="ann"), "subject", "expected user:NAME"),
    (grant(subject="role:none"), "subject", "no role of this name"),
    (grant(servers=()), "servers", "names no server"),
    (grant(tools=()), "", "names no tools"),
    (grant(servers=("cmr",)), "servers[0]", "can never match"),
    (grant(servers=("x*",)), "servers[0]", "no server matches"),
    (grant(tools=("fnd",)), "tools[0]", "did you mean `find`?"),
    (grant(tools=(" find",)), "tools[0]", "begins or ends with a space"),
    (grant(tools=("delete_all",)), "tools[0]", "the grant no-deletes denies all of it"),
    (grant(risks=("high",), prompts=("*",)), "risks", "only tools have a risk"),
    (grant(servers=(), tools=(), tags=("crn",)), "tags[0]", "did you mean `crm`?"),
    (grant(tags=("crm", "hr")), "tags[1]", "nothing that it names has this tag"),
    (grant(servers=("filed",), tools=("*",), tags=("crm",)), "tags[0]", "can never match"),
    (grant(servers=(), tools=(), risks=("low",)), "risks[0]", "nothing that it names has this risk"),
    (grant(expires=5.0), "expires", "no moment to come"),
    (when(), "conditions[0]", "found nothing"),
    (when(argument="query"), "conditions[0]", "exactly one of"),
    (when(equals="x"), "conditions[0].argument", "is missing"),
    (when(argument="query", equals="x", prefix="y"), "conditions[0]", "found equals and prefix"),
    (when(argument="query", equals="x", client="y"), "conditions[0]", "make two conditions"),
    (when(argument="a..b", equals="x"), "conditions[0].argument", "dotted path"),
    (when(argument="query", pattern="(?=x)"), "conditions[0].pattern", "no RE2 pattern"),
    (when(argument="query", pattern=r"(a)\1"), "conditions[0].pattern", "no RE2 pattern"),
    (when(argument="query", one_of=()), "conditions[0].one_of", "expected 1 to"),
    (when(argument="query", prefix=""), "conditions[0].prefix", "tests nothing"),
    (when(argument="limit", minimum=9, maximum=1), "conditions[0].minimum", "is more than `maximum`"),
    (when(argument="limit", minimum=float("nan")), "conditions[0].minimum", "is no number"),
    (when(networks=()), "conditions[0].networks", "names no network"),
    (when(networks=("x",)), "conditions[0].networks[0]", "no range"),
    (when(hours="8-18"), "conditions[0].hours", "expected HH:MM-HH:MM"),
    (when(hours="08:00-08:00"), "conditions[0].hours", "begins when it ends"),
    (when(days=("monday",)), "conditions[0].days[0]", "expected one of mon"),
    (when(days=()), "conditions[0].days", "names no day"),
    (when(hours="08:00-18:00", zone="Mars/Base"), "conditions[0].zone", "IANA"),
    (when(hours="08:00-18:00", zone="../../etc/passwd"), "conditions[0].zone", "IANA"),
    (when(client="x", zone="UTC"), "conditions[0].zone", "belongs to"),
    (when(argument="qery", equals="x"), "conditions[0]", "has no argument `qery` (it has limit, query"),
    (when(argument="where.town", equals="x"), "conditions[0]", "has no argument `where.town`"),
    (when(argument="query", minimum=1), "conditions[0]", "its `query` is string, and this tests number"),
    (when(argument="limit", prefix="1"), "conditions[0]", "its `limit` is number, and this tests string"),
    (when(argument="limit", equals="1"), "conditions[0]", "its `limit` is number"),
    (when(argument="limit", minimum=101), "conditions[0]", "is 100 at most"),
    (when(argument="limit", maximum=0), "conditions[0]", "is 1 at least"),
    (when(argument="stage", equals="lost"), "conditions[0]", "one of a few values"),
    (when(argument="stage", pattern="^x"), "conditions[0]", "one of a few values"),
    (
        grant(tools=("f*", "d*"), conditions=(Condition(argument="gone", equals=1),)),
        "conditions[0]",
        "none of the 2 tools",
    ),
    (
        grant(resources=("*",), conditions=(Condition(argument="query", equals="x"),)),
        "conditions[0].argument",
        "a resource has no arguments",
    ),
]


@pytest.mark.promise("control.findings", "control.conditions")
@pytest.mark.parametrize(("value", "path", "reason"), WRONG, ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_wrong_is_told_with_its_field(value: Entity, path: str, reason: str):
    found = findings(value)
    assert [(where, why) for where, why in found if where == path and reason in why], found


@pytest.mark.promise("control.findings")
def test_no_finding_repeats_a_secret():
    canary = "ghp_" + "A1b2C3d4E5" * 4
    wrong = server(
        "s",
        settings={"url": f"https://u:{canary}@x.example"},
        headers={"Authorization": canary, "X-Ok": f"Bearer {canary}"},
    )
    found = findings(wrong)
    assert {"settings.url", "headers.Authorization", "headers.X-Ok"} <= {path for path, _ in found}
    assert canary not in repr(found)


def test_the_same_key_twice():
    found = findings(key("k", "user:ann"), None)
    assert found == []
    twin = Directory(KNOWN)
    assert twin.get(type(key("k")), "known") is not None
    same = key("k")
    same = type(same)(name="k", digest=digest("known"))
    assert ("digest", "the key `known` has the same digest: it is the same key") in findings(same)
    filed = type(same)(name="k", digest="00" * 32)
    assert ("digest", "the key `filed-k` has the same digest: it is the same key") in findings(filed)
    assert findings(type(same)(name="k", digest="XY"))[0][0] == "digest"


def test_what_has_ended_may_stay_while_something_else_is_changed():
    old = grant(name="old", expires=5.0)
    assert findings(grant(name="old", expires=5.0, reason="Why it was."), before=old) == []
    assert [path for path, _ in findings(grant(name="old", expires=6.0), before=old)] == ["expires"]


def test_states_are_judged_against_what_was():
    before = server("s", state=ServerState.RETIRED)
    found = findings(server("s", state=ServerState.LIVE), before=before)
    assert found == [("state", "what is retired cannot become live: it can become draft")]


def test_nesting_is_bounded():
    chain = [Team(name="t0"), *(Team(name=f"t{n}", parent=f"t{n - 1}") for n in range(1, 16))]
    directory = Directory(chain)
    facts = Facts(directory=directory, now=NOW)
    assert list(COLLECTIONS[Team].findings(chain[15], facts.about(chain[15]))) == []
    deeper = Team(name="t16", parent="t15")
    assert [path for path, _ in COLLECTIONS[Team].findings(deeper, facts.about(deeper))] == ["parent"]


def test_settings_from_outside_are_not_walked_too_deep():
    deep: Any = "store:token"
    for _ in range(5000):
        deep = {"a": deep}
    assert ("settings", "are nested too deep") in findings(server("s", settings={"url": deep}))
    assert secrets_of(server("s", settings={"url": deep})) == frozenset()
