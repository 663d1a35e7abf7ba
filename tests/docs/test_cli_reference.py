"""The reference of the commands names every command and every flag, and none that is not there."""

import re
from typing import Any

import pytest

from tests.docs.pages import ROOT
from toolgate.cli.bridge.program import parser
from toolgate.cli.program import load
from toolgate.cli.table import BRIDGE, COMMANDS

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
FLAG = re.compile(r"`(--?[a-z][a-z0-9-]*)`")
SECTIONS = dict(re.findall(r"^## `toolgate (\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def flags(name: str) -> set[str]:
    """Every spelling of every flag of a command, those of its own commands included."""
    if name == BRIDGE:
        return {flag for action in parser()._actions for flag in action.option_strings} - {"-h", "--help"}
    return _flags(load(name))


def _flags(command: Any) -> set[str]:
    found = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts) if flag.startswith("-")}
    return found.union(*(_flags(sub) for sub in getattr(command, "commands", {}).values())) - {"--help"}


@pytest.mark.promise("cli.documented")
def test_every_command_has_a_section_in_the_order_of_the_table():
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.promise("cli.documented")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_is_on_the_page_and_no_other(name: str):
    assert set(FLAG.findall(SECTIONS[name])) == flags(name)
