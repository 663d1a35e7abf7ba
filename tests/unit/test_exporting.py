"""What is exported is read again as it was, whatever the records hold: export and plan is nothing to do."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control import exporting, manifest
from toolgate.control.declared_servers import Surroundings
from toolgate.control.kinds import kinds_of
from toolgate.control.manifest import Text
from toolgate.control.plan import NEVER_DECLARED, Wanted, digest, planning
from toolgate.model.declared import Condition, Override, Pick, PicksFrom
from toolgate.model.entities import (
    Binding,
    Entity,
    Environment,
    Grant,
    GroupMapping,
    Key,
    Role,
    Server,
    ServerState,
    ServiceAccount,
    Stamp,
    Team,
    User,
    Virtual,
)
from toolgate.rules.directory import Directory
from toolgate.rules.steps import finished

SOURCE = "apply:platform"


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a kind has."""

    url: str
    options: dict[str, list[int]] = {}


KINDS = kinds_of({"remote": lambda: Remote, "echo": lambda: msgspec.defstruct("Nothing", [])})
AROUND = Surroundings(KINDS, None, Path("/etc/toolgate"), stored=True, others=True)

TRAPS = [
    "on",
    "no",
    "null",
    "~",
    "true",
    "1",
    "1e5",
    "0x1",
    "1_000",
    "2027-01-01",
    "-",
    "#a",
    "a: b",
    "*",
    "&a",
    "!t",
    "<<",
]
WORDS = st.one_of(st.sampled_from(TRAPS), st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1))
TEXTS = WORDS.filter(lambda text: len(text) < 200)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
LISTS = st.lists(TEXTS, unique=True, max_size=3).map(tuple)
GLOBS = st.lists(TEXTS.filter(lambda text: text == text.strip()), unique=True, min_size=1, max_size=3).map(tuple)
MAYBE = st.none() | TEXTS
TIMES = st.none() | st.floats(1e9, 9e10, allow_nan=False) | st.integers(10**9, 9 * 10**9).map(float)
SUBJECTS = st.tuples(st.sampled_from(("user", "service", "team")), NAMES).map(":".join)
PICKS = st.one_of(st.builds(Pick, name=GLOBS.map(lambda globs: globs[0])), st.builds(Pick, name=NAMES, rename=NAMES))
CONDITIONS = st.one_of(
    st.builds(Condition, argument=NAMES, equals=st.integers() | st.booleans() | TEXTS),
    st.builds(Condition, argument=NAMES, minimum=st.floats(0, 9), maximum=st.floats(10, 1e20)),
    st.builds(Condition, days=st.just(("mon", "sun")), hours=st.just("08:00-18:00"), zone=st.just("Europe/Berlin")),
)
RECORDS: st.SearchStrategy[Entity] = st.one_of(
    st.builds(User, name=NAMES, display=TEXTS, active=st.booleans(), groups=LISTS),
    st.builds(Team, name=NAMES, description=TEXTS, parent=st.none() | NAMES, members=LISTS, cost_center=MAYBE),
    st.builds(ServiceAccount, name=NAMES, description=TEXTS, owner=st.none() | NAMES),
    st.builds(Role, name=NAMES, permissions=LISTS),
    st.builds(Binding, name=NAMES, subject=SUBJECTS, role=NAMES, expires=TIMES),
    st.builds(GroupMapping, name=TEXTS, teams=LISTS),
    st.builds(Key, name=NAMES, digest=st.just(""), owner=st.none() | SUBJECTS, observer=st.booleans(), expires=TIMES),
    st.builds(
        Server,
        name=NAMES,
        kind=st.just("remote"),
        settings=st.fixed_dictionaries({"url": st.just("https://a/")}, optional={"options": st.just({"on": [1]})}),
        headers=st.just({"X-Tool": "store:token"}),
        timeout=st.floats(0.01, 3600),
        tags=LISTS,
        links=st.dictionaries(TEXTS.filter(lambda text: text != "<<"), TEXTS, max_size=2),
        environment=st.sampled_from(Environment),
        state=st.sampled_from(ServerState),
        overrides=st.dictionaries(
            NAMES, st.builds(Override, title=MAYBE, hidden=st.booleans(), tags=LISTS, risk=MAYBE), max_size=2
        ),
    ),
    st.builds(
        Virtual,
        name=NAMES.map(lambda name: f"v{name}"),
        offers=st.lists(st.builds(PicksFrom, NAMES, tools=st.tuples(PICKS)), min_size=1, max_size=2).map(tuple),
        description=TEXTS,
    ),
    st.builds(
        Grant,
        name=NAMES,
        subject=SUBJECTS | st.just("everyone"),
        effect=st.sampled_from(("allow", "deny")),
        servers=GLOBS,
        tools=GLOBS,
        conditions=st.lists(CONDITIONS, max_size=2).map(tuple),
        expires=TIMES,
        reason=TEXTS,
    ),
)
ALWAYS: dict[type[Entity], set[str]] = {
    Server: {"kind", "settings"},
    Virtual: {"offers"},
    Role: {"permissions"},
    Binding: {"subject", "role"},
    Grant: {"subject", "effect", "servers", "tools"},
}
"""What a file always says of a record."""


@st.composite
def declared(draw: Any) -> list[Wanted]:
    records = draw(st.lists(RECORDS, max_size=6, unique_by=lambda record: (record.KIND, record.name)))
    wanted: list[Wanted] = []
    for record in records:
        names = [one.name for one in msgspec.structs.fields(record) if one.name not in NEVER_DECLARED]
        chosen = draw(st.sets(st.sampled_from([name for name in names if name != "digest"])))
        fields = frozenset(chosen | ALWAYS.get(type(record), set()))
        wanted.append(Wanted(record, fields))
    return wanted


def stored(one: Wanted) -> Entity:
    """The record as the gateway has it after it was applied: what is not declared has its default."""
    values = {name: getattr(one.record, name) for name in one.fields}
    if isinstance(one.record, Key):
        values["digest"] = "ab" * 32
    owned = {name: digest(getattr(one.record, name)) for name in one.fields}
    stamp = Stamp(id="x", version=1, managed_by=SOURCE, owned=owned)
    return type(one.record)(name=one.record.name, stamp=stamp, **values)


@pytest.mark.promise("gitops.fixed-point")
@given(declared())
def test_an_export_is_read_as_what_is_there(wanted: list[Wanted]):
    there = [stored(one) for one in wanted]
    text = exporting.text_of(Wanted(record, frozenset(record.stamp.owned)) for record in there)
    found = manifest.read((Text("export.yaml", text, Path("/etc/toolgate")),), AROUND)
    read = [Wanted(one.record, one.fields) for one in found.filed]
    made = finished(planning(Directory(there), read, SOURCE, prune=True))
    assert made.findings == ()
    assert made.steps == (), text


def test_no_digest_and_nothing_unsaid_is_exported():
    key = Key(name="ci", digest="ab" * 32, observer=True)
    text = exporting.text_of([Wanted(key, frozenset({"digest", "observer"}))])
    assert text == "version: 1\nkeys:\n  ci:\n    observe: true\n"


def test_letters_of_the_alphabet_stay_without_quotes():
    user = User(name="a", display=string.ascii_letters)
    text = exporting.text_of([Wanted(user, frozenset({"display"}))])
    assert text == f"version: 1\nusers:\n  a:\n    display: {string.ascii_letters}\n"
