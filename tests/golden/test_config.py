"""Golden files: `config/NAME.yaml` is read, and the outcome must be `config/NAME.txt`: findings, or what was declared.

A new case is a new file. `REWRITE_GOLDEN=1 pytest tests/golden` writes what comes out: read the difference.
"""

import os
from pathlib import Path

import msgspec
import pytest

from toolgate.control.declarative import read
from toolgate.control.declared_servers import Surroundings
from toolgate.control.kinds import kinds_of
from toolgate.credentials.references import References
from toolgate.model.errors import ConfigError

CASES = sorted((Path(__file__).parent / "config").glob("*.yaml"))
# On its own, so that no case needs a machine's path: what the files are read against.
ENVIRONMENT = {"GITHUB_TOKEN": "made-up-value", "CRM_KEY": "made-up-value", "EMPTY": ""}
BASE = Path("/etc/toolgate")


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a remote kind has."""

    url: str
    ca_file: Path | None = None


class Child(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a kind with child processes has."""

    command: list[str]
    env: dict[str, str] = {}
    cwd: Path | None = None


class Object(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that an in-process kind has."""

    object: str
    path: Path | None = None


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a kind that has none."""


KINDS = kinds_of(
    {
        "streamable_http": lambda: Remote,
        "legacy_sse": lambda: Remote,
        "stdio": lambda: Child,
        "python": lambda: Object,
        "echo": lambda: Nothing,
    }
)


def outcome(case: Path) -> str:
    surroundings = Surroundings(KINDS, References(ENVIRONMENT, BASE), BASE)
    try:
        declared = read(case.read_bytes().decode(), case.name, surroundings)
    except ConfigError as error:
        return "\n".join(error.findings) + "\n"
    return msgspec.json.format(msgspec.json.encode(declared, enc_hook=str)).decode() + "\n"


@pytest.mark.promise("config.findings", "config.no-plaintext", "config.bounded")
@pytest.mark.skipif(os.name != "posix", reason="the golden files hold POSIX paths")
@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_config(case: Path):
    expected = case.with_suffix(".txt")
    if os.environ.get("REWRITE_GOLDEN") == "1":
        expected.write_text(outcome(case), encoding="utf-8")
    assert outcome(case) == expected.read_text(encoding="utf-8")


def test_there_are_cases_and_none_is_an_orphan():
    assert len(CASES) > 20
    assert {path.stem for path in (Path(__file__).parent / "config").iterdir()} == {case.stem for case in CASES}


def test_findings_never_repeat_a_secret():
    """Every case marks what stands for a secret with `made-up`."""
    repeated = [case.name for case in CASES if "made-up" in outcome(case)]
    assert repeated == []
