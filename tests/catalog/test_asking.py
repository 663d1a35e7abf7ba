"""What the command line makes of credentials: where each is read, and that none stands on the command line itself."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from toolgate.cli.catalog import asking
from toolgate.cli.catalog.asking import Wished
from toolgate.model.errors import ConfigError
from toolgate.model.products import API, Adding
from toolgate.upstreams.connector.shelf import Shelf

SECRET = "a-secret-of-ours-0123456789"
NOTHING = Wished(
    name=None, route=API, auth=None, credentials={}, by_reference=False, variables={}, read_only=False, tools=(),
    allow={}, private=False, owner=None, state=None, test=True,
)  # fmt: skip


def complete(product: str, **members: Any) -> Adding:
    wished = msgspec.structs.replace(NOTHING, **members)
    assert SECRET not in repr(wished)
    return asking.complete(Shelf().product(product), wished, at_terminal=False)


def wrong(product: str, **members: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        complete(product, **members)
    assert SECRET not in str(caught.value)
    return list(caught.value.findings)


@pytest.mark.promise("catalog.tried")
def test_a_secret_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OURS", SECRET)
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    file.chmod(0o600)
    for given in ("env:OURS", f"file:{file}"):
        made = complete("github", credentials={"token": given})
        assert (made.secrets, made.credentials) == ({"token": SECRET}, {})
        assert SECRET not in repr(made)
        kept = complete("github", credentials={"token": given}, by_reference=True)
        assert (kept.secrets, kept.credentials) == ({}, {"token": given})
    stored = complete("github", credentials={"token": "store:ours"})
    assert (stored.secrets, stored.credentials) == ({}, {"token": "store:ours"})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{SECRET}\r\n".encode())))
    assert complete("github", credentials={"token": "-"}).secrets == {"token": SECRET}


def test_what_is_no_secret_may_stand_there_itself():
    site = {"base_url": "https://acme.atlassian.net"}
    made = complete("jira", credentials={"email": "me@acme.example", "token": "store:t"}, variables=site)
    assert made.credentials == {"email": "me@acme.example", "token": "store:t"}
    assert made.variables == site


@pytest.mark.promise("catalog.tried")
@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "--credential token=... is missing: A fine-grained"),
        ({"credentials": {"token": SECRET}}, "a secret does not stand on the command line"),
        ({"credentials": {"token": f"Bearer env:{SECRET}"}}, "--credential token: "),
        ({"credentials": {"tokn": SECRET}}, "GitHub asks for token (did you mean `token`?)"),
        ({"credentials": {"token": "env:NOT_SET"}}, "--credential token: env:NOT_SET is not set"),
        ({"credentials": {"token": "file:nowhere"}}, "--credential token: file:nowhere does not exist"),
    ],
)
def test_what_is_missing_or_wrong_is_told(members: dict[str, Any], told: str):
    assert told in wrong("github", **members)[0]


def test_all_that_is_missing_is_told_at_once():
    found = wrong("jira")
    assert [finding.partition(" is missing")[0] for finding in found] == [
        "--variable base_url=...",
        "--credential email=...",
        "--credential token=...",
    ]


def test_for_what_is_not_ready_nothing_is_asked():
    assert complete("notion", route="remote_mcp").secrets == {}
    assert complete("github", route="nowhere").secrets == {}
    assert complete("github", auth="nobody").auth == "nobody"


def test_pairs_and_globs():
    assert asking.pairs("--variable", ["a=b=c"]) == {"a": "b=c"}
    assert asking.globs(["r=a/*, b/*", "r=c", "s=d"]) == {"r": ("a/*", "b/*", "c"), "s": ("d",)}
    for given in (["a"], ["=b"], ["a=1", "a=2"]):
        with pytest.raises(typer.BadParameter, match="expected NAME=VALUE"):
            asking.pairs("--variable", given)
    for given in (["r"], ["r=,"], ["=x"]):
        with pytest.raises(typer.BadParameter, match="expected CONSTRAINT=GLOB"):
            asking.globs(given)
