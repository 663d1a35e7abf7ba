"""The reader of `toolgate.yaml` on whatever a file may hold: an outcome or findings, never anything else."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control import source
from toolgate.control.declarative import load, read
from toolgate.control.declared_servers import Surroundings
from toolgate.control.kinds import kinds_of
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a remote kind has."""

    url: str
    options: dict[str, list[int]] = {}


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a kind that has none."""


AROUND = Surroundings(kinds_of({"remote": lambda: Remote, "echo": lambda: Nothing}), None, Path("/etc/toolgate"))
WORDS = st.sampled_from(
    re.split(
        r"\s+",
        """version servers virtual teams keys grants kind url headers era sharing timeout max_bytes remote echo options
        offers server tools prompts resources name as description digest observe expires key team everyone allow deny
        local a b * a* get_? env:X file:x auto all 1 true 2027-01-01 https://u:p@h/ Bearer""",
    )
)
SCALARS = st.one_of(WORDS, st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), below)),
    max_leaves=25,
)


def outcome(text: str) -> Declared | tuple[str, ...]:
    try:
        return read(text, "f.yaml", AROUND)
    except ConfigError as error:
        return error.findings


def judge(text: str) -> None:
    found = outcome(text)
    if isinstance(found, tuple):
        assert found
        assert all(line.startswith("f.yaml:") and line.split(":")[1].isdigit() for line in found), found
        assert list(found) == list(dict.fromkeys(found))
        assert all(int(line.split(":")[1]) <= len(text.splitlines()) + 1 for line in found)


@pytest.mark.promise("config.findings", "config.bounded")
@given(st.text(alphabet=st.sampled_from("ab:- \n[]{},&*!|>'\"#?%@`\t\\<~1.é\x00\x85\ufeff"), max_size=60))
def test_any_text(text: str):
    judge(text)


@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_any_tree(tree: dict[str, Any]):
    judge(json.dumps({"version": 1, **tree}, indent=1, ensure_ascii=False))


SERVER = st.fixed_dictionaries(
    {"kind": st.just("echo")}, optional={"era": st.sampled_from(["auto", "legacy", "modern"])}
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)


@given(st.dictionaries(NAMES, SERVER, max_size=5), st.lists(NAMES, unique=True, max_size=4))
def test_what_is_right_is_accepted_whole(servers: dict[str, Any], teams: list[str]):
    grants = [{"team": team, "allow": {"servers": [name], "tools": ["*"]}} for team in teams for name in servers]
    tree = {"version": 1, "servers": servers, "teams": dict.fromkeys(teams), "grants": grants}
    found = outcome(json.dumps(tree, indent=1))
    assert isinstance(found, Declared), found
    assert {server.name: server.era for server in found.servers} == {
        name: server.get("era", "auto") for name, server in servers.items()
    }
    assert [team.name for team in found.teams] == teams
    assert len(found.grants) == len(grants)


def test_limits_of_a_file():
    assert outcome("#" * (source.MOST_CHARACTERS + 1)) == ("f.yaml:1: the file is larger than 4194304 characters",)
    (finding,) = outcome("a: [" + "1," * source.MOST_NODES + "]")  # type: ignore[misc]
    assert "more than 200000 values" in str(finding)


def test_the_file_itself(tmp_path: Path):
    path = tmp_path / "toolgate.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\nservers: {demo: {kind: echo}}\n")  # as some editors write it
    declared = load(path, AROUND.kinds, None)
    assert declared.file == path
    assert [server.name for server in declared.servers] == ["demo"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"version: 1\n# \xff", ":2: this is not text in UTF-8"), (None, ": cannot be read: No such file or directory")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str):
    path = tmp_path / "toolgate.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, AROUND.kinds, None)
    assert caught.value.findings == (f"{path}{reason}",)


def test_settings_of_a_kind_that_say_wrong_things_together():
    class Pair(msgspec.Struct, forbid_unknown_fields=True):
        """Two settings that exclude each other."""

        one: int | None = None
        other: int | None = None

        def __post_init__(self) -> None:
            if self.one is not None and self.other is not None:
                raise ValueError("one and other exclude each other")

    around = Surroundings(kinds_of({"pair": lambda: Pair}), None, Path("/"))
    with pytest.raises(ConfigError) as caught:
        read("version: 1\nservers:\n  a: {kind: pair, one: 1, other: 2}\n", "f.yaml", around)
    assert caught.value.findings == ("f.yaml:3: servers.a: one and other exclude each other",)
