"""A file without records: its people count, and a role that ends is gone by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.control.company import KINDS, Clock, digest
from toolgate import extensions
from toolgate.assembly.alone import Alone
from toolgate.assembly.watching import stop
from toolgate.control.declarative import read
from toolgate.control.declared_servers import COMMON, Surroundings
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError

SECONDS = 20.0


def file(expires: float | None = None) -> Declared:
    """Ann, who has a key, is in a team below another, and is an auditor until then."""
    end = "" if expires is None else f", expires: {expires}"
    text = f"""
version: 1
teams: {{red: , red-web: {{parent: red}}}}
users: {{ann: {{groups: [web]}}}}
groups: {{web: {{teams: [red-web]}}}}
bindings: {{ann: {{subject: "user:ann", role: auditor{end}}}}}
keys: {{ann: {{digest: "{digest("ann")}", owner: "user:ann"}}}}
"""
    return read(text, "toolgate.yaml", Surroundings(KINDS, None, Path("/etc/toolgate")))


def subjects(declared: Declared) -> set[str]:
    (key,) = declared.keys
    return set(key.subjects)


@pytest.mark.promise("config.people")
async def test_a_role_that_ends_is_gone_when_it_should():
    clock = Clock()
    taken: asyncio.Queue[Declared] = asyncio.Queue()
    alone = Alone(file(clock.now() + 0.3), clock)
    alone.into(taken.put_nowait)
    assert subjects(alone.declared) == {"user:ann", "team:red", "team:red-web", "role:auditor"}
    running = asyncio.create_task(alone.run())
    try:
        async with asyncio.timeout(SECONDS):
            assert subjects(await taken.get()) == {"user:ann", "team:red", "team:red-web"}
            alone.take_file(file())
            assert "role:auditor" in subjects(await taken.get())
    finally:
        await stop([running])


def test_a_file_refers_to_nothing_but_itself():
    with pytest.raises(ConfigError, match="there is no user of this name"):
        read(
            "version: 1\nteams: {red: {members: ['user:bob']}}\n",
            "toolgate.yaml",
            Surroundings(KINDS, None, Path("/etc/toolgate")),
        )


def test_no_kind_calls_a_setting_like_what_every_server_has():
    kinds = extensions.kinds()
    assert {kind: set(kinds.fields(kind)) & set(COMMON) for kind in kinds.names} == {
        kind: set() for kind in kinds.names
    }
