"""Credential sources: whose session a call uses, and what the upstream is shown."""

from pathlib import Path
from typing import Any

import pytest

from toolgate.credentials import static
from toolgate.credentials.references import References
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import Sharing
from toolgate.model.errors import ConfigError
from toolgate.model.identity import Grant, Principal
from toolgate.model.snapshot import Target
from toolgate.ports import Toolbox

ALICE = Principal("key:alice", "alice", ("sales", "platform"))
BOB = Principal("key:bob", "bob", ("platform", "sales"))
CAROL = Principal("key:carol", "carol", ("platform",))
DAVE = Principal("key:dave", "dave")
SECRET = "made-up-value"
HEADERS = (("Authorization", "Bearer env:TOKEN"), ("X-Api-Key", "env:TOKEN"), ("X-Tenant", "acme"))


def toolbox(**environment: str) -> Toolbox:
    """Only the secrets: a credential source of headers has no use for the rest."""
    absent: Any = None
    return Toolbox(http=absent, secrets=References(environment, Path("/")), clock=absent, data=Path("/"))


async def run(*_: object) -> None:
    """No grant runs a target."""


def target(server: str) -> Target:
    return Target(server, 0, server, OfferKind.TOOL, "t", "t", run, 1.0)


async def grants(sharing: Sharing, *principals: Principal) -> list[Grant]:
    config = static.Config({"crm": static.Shown(sharing, HEADERS)})
    async with static.open(config, toolbox(TOKEN=SECRET)) as source:
        return [await source.grant(principal, target("crm")) for principal in principals]


@pytest.mark.promise("sharing.scope")
@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ("all", ["all", "all", "all", "all"]),
        ("team", ["team:platform+sales", "team:platform+sales", "team:platform", "key:dave"]),
        ("principal", ["key:alice", "key:bob", "key:carol", "key:dave"]),
    ],
)
async def test_scope_says_whose_session_it_is(sharing: Sharing, expected: list[str]):
    assert [grant.scope for grant in await grants(sharing, ALICE, BOB, CAROL, DAVE)] == expected


async def test_the_upstream_is_shown_the_resolved_headers_and_no_repr_tells():
    (grant,) = await grants("principal", ALICE)
    assert grant.headers == (("Authorization", f"Bearer {SECRET}"), ("X-Api-Key", SECRET), ("X-Tenant", "acme"))
    assert SECRET not in repr(grant)


async def test_a_server_without_configuration_is_shown_nothing():
    async with static.open(static.Config({}), toolbox()) as source:
        with pytest.raises(ConfigError, match="no credentials are configured"):
            await source.grant(ALICE, target("crm"))


@pytest.mark.promise("config.no-plaintext")
@pytest.mark.parametrize("bad", [f"{SECRET}\r\nX-Other: 1", f"{SECRET}\n", f"{SECRET}\x7f", f"{SECRET}\u20ac"])
async def test_a_secret_that_no_header_can_carry_is_refused_without_repeating_it(bad: str):
    config = static.Config({"crm": static.Shown("all", HEADERS)})
    with pytest.raises(ConfigError) as caught:
        async with static.open(config, toolbox(TOKEN=bad)):
            pass
    assert len(caught.value.findings) == 2
    assert all("server crm: header" in finding and SECRET not in finding for finding in caught.value.findings)


async def test_every_missing_secret_is_named_at_once():
    config = static.Config({"a": static.Shown("all", HEADERS), "b": static.Shown("all", (("X-B", "env:OTHER"),))})
    with pytest.raises(ConfigError) as caught:
        async with static.open(config, toolbox()):
            pass
    assert [finding.split(": env:")[0] for finding in caught.value.findings] == [
        "server a: header Authorization",
        "server a: header X-Api-Key",
        "server b: header X-B",
    ]
