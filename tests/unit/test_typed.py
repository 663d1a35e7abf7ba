"""What people type for records on the command line: values with units and dates, and what is said of wrong ones."""

import time
from pathlib import Path
from typing import Any

import pytest
import typer

from toolgate.cli.records import fields
from toolgate.cli.records.server import chosen, told
from toolgate.model.entities import Entity, Grant, Key, Server, Virtual
from toolgate.model.errors import ConfigError
from toolgate.rules.linting import Lint, Severity


@pytest.mark.parametrize(
    ("entity", "typed", "value"),
    [
        (Key, "expires=2031-01-01", 1924992000.0),
        (Key, "expires=2031-01-01T01:00:00+01:00", 1924992000.0),
        (Key, "expires=", None),
        (Server, "sharing=", None),
        (Grant, "expires=2031-01-01T00:00:00Z", 1924992000.0),
        (Server, "timeout=2m", 120.0),
        (Server, "timeout=90", 90.0),
        (Server, "probe_interval=500ms", 0.5),
        (Server, "max_bytes=1MiB", 1048576),
        (Server, "tags=a, b", ["a", "b"]),
        (Server, 'links={"docs": "https://x.example"}', {"docs": "https://x.example"}),
    ],
)
def test_a_value_is_read_as_people_write_it(entity: type[Entity], typed: str, value: Any) -> None:
    name, _, _ = typed.partition("=")
    assert fields.read(entity, [typed]) == {name: value}


def test_an_end_may_be_said_from_now() -> None:
    began = time.time()
    end = fields.read(Grant, ["expires=12h"])["expires"]
    assert began + 43_200 <= end <= time.time() + 43_200


@pytest.mark.parametrize(
    ("entity", "typed", "told_of_it"),
    [
        (
            Key,
            "expires=tomorrow",
            "expires: expected a date or time, as 2027-01-31 or 2027-01-31T12:00:00+01:00, or a time from now, as"
            " 12h or 30d",
        ),
        (Server, "timeout=abc", "timeout: expected seconds, as 60 or 500ms or 2m"),
        (Server, "max_bytes=big", "max_bytes: expected bytes, as 65536 or 512KiB or 8MiB"),
        (Server, "headers=x", "headers: expected JSON here: JSON is malformed: invalid character (byte 0)"),
        (Server, "tiemout=5", "tiemout: a server has no such field (did you mean timeout?)"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_what_may_be(entity: type[Entity], typed: str, told_of_it: str) -> None:
    with pytest.raises(ConfigError) as refused:
        fields.read(entity, [typed])
    assert refused.value.findings == (told_of_it,)


@pytest.mark.parametrize(
    ("entity", "values", "findings"),
    [
        (
            Server,
            {"name": "a", "kind": "echo", "environment": "prod", "era": "old"},
            (
                "era: must be one of auto, legacy, modern",
                "environment: must be one of development, staging, production",
            ),
        ),
        (Server, {"name": "a", "kind": "echo", "sharing": "x"}, ("sharing: must be one of all, team, principal",)),
        (Grant, {"name": "g", "subject": "everyone", "effect": "x"}, ("effect: must be one of allow, deny",)),
        (
            Virtual,
            {"name": "v", "offers": [{"server": "s", "tools": ["x"]}]},
            ("offers[0].tools[0]: expected a mapping, got a text",),
        ),
        (
            Virtual,
            {"name": "v", "offers": [{"server": "s", "tools": [{"name": "x", "as": "y"}]}]},
            ("offers[0].tools[0]: unknown field `as`",),
        ),
    ],
)
def test_a_record_that_cannot_be_is_told_field_by_field(
    entity: type[Entity], values: dict[str, Any], findings: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as refused:
        fields.made(entity, values)
    assert refused.value.findings == findings


def test_moments_are_shown_as_dates_and_members_that_say_nothing_not_at_all() -> None:
    assert fields.shown("expires", 1924992000.0) == "2031-01-01T00:00:00Z"
    assert fields.shown("timeout", 60.0) == "60.0"
    conditions = [{"argument": "a", "equals": None, "one_of": [], "minimum": 0, "prefix": "x"}]
    assert fields.cell(conditions) == '{"argument":"a","minimum":0,"prefix":"x"}'


def test_what_is_wrong_in_many_places_is_one_line_that_names_them() -> None:
    lints = [
        *(
            Lint(Severity.WARNING, "parameter-description", "add", f"inputSchema.properties.{name}", "has none")
            for name in ("a", "b", "where.properties.town")
        ),
        Lint(Severity.NOTE, "tool-annotations", "add", "annotations", "there are none"),
        Lint(Severity.NOTE, "server-tools", "", "", "too many"),
    ]
    assert told(lints) == [
        "warning: add.a, add.b, add.where.town: has none (parameter-description)",
        "note: add: there are none (tool-annotations)",
        "note: too many (server-tools)",
    ]
    assert told(lints, 1)[0] == "warning: add.a and 2 more: has none (parameter-description)"


def test_a_file_that_is_here_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert chosen(None, None, "orders.py:server")["settings"] == {"object": f"{tmp_path.resolve()}/orders.py:server"}
    for elsewhere in ("package.module:server", "other.py:server", "orders.py", "/srv/orders.py:server"):
        assert chosen(None, None, elsewhere)["settings"] == {"object": elsewhere}


def test_a_command_that_is_not_closed_is_wrong_usage() -> None:
    assert chosen(None, "run 'a b'", None)["settings"] == {"command": ["run", "a b"]}
    with pytest.raises(typer.BadParameter, match="no closing quotation"):
        chosen(None, "run 'a b", None)
