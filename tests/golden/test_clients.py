"""Golden files of clients: `clients/CLIENT/given.*` is what stands in the client's file.

`plan.txt` is what `import` says of it, `toolgate.yaml` what it writes; `connected.*` is the file after `connect`,
`started.*` the same with a program to start, and `new.*` what `connect` writes where there is no file.
`REWRITE_GOLDEN=1 pytest tests/golden` writes what comes out: read the difference.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from toolgate import extensions
from toolgate.control import declarative
from toolgate.control.clients.client import Client, Link
from toolgate.control.clients.table import CLIENTS
from toolgate.control.declared_servers import Surroundings
from toolgate.control.importing.plan import Ground, Plan, Source, plan
from toolgate.control.importing.yaml_text import with_grant, with_servers

FOLDER = Path(__file__).parent / "clients"
HTTP = Link("http://127.0.0.1:8484/mcp", "TOOLGATE_KEY")
STARTED = Link(HTTP.url, command=("/opt/toolgate/bin/toolgate", "bridge", HTTP.url, "--key-file", "/etc/toolgate/key"))

clients = pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
posix = pytest.mark.skipif(os.name != "posix", reason="the golden files hold POSIX paths")


def given(client: Client) -> Path:
    (file,) = (FOLDER / client.id).glob("given.*")
    return file


def text_of(client: Client) -> str:
    return given(client).read_bytes().decode()


def link_of(client: Client) -> Link:
    return STARTED if client.starts_only else HTTP


def planned(client: Client, *, files: bool = True) -> Plan:
    around = Surroundings(extensions.kinds(), None, Path("/etc/toolgate"))

    def judge(name: str, entry: dict[str, Any]) -> str:
        declarative.read(with_servers("", {name: entry}), "", around)
        return ""

    ground = Ground(
        platform="linux",
        present=(),
        taken=frozenset(),
        secrets=PurePosixPath("/etc/toolgate/secrets") if files else None,
        held=lambda path: None,
        is_ours=lambda found: "toolgate" in found.command[0] if found.command else False,
        judge=judge,
        is_set=lambda name: name == "HOME",
    )
    found = client.format.read(text_of(client))
    return plan([Source(client.title, given(client).name, client.variables, found)], ground)


def told(made: Plan) -> str:
    lines = [
        f"{line.fate:<5} {line.name}: {line.what} | {line.remark} | {', '.join(line.moved)}" for line in made.lines[0]
    ]
    return "\n".join([*(line.rstrip(" |") for line in lines), f"set: {', '.join(made.unset)}", *made.files]) + "\n"


def outcomes(client: Client) -> Iterator[tuple[Path, str]]:
    """Each golden file, and what it must hold."""
    folder, kind = FOLDER / client.id, given(client).suffix
    made = planned(client)
    yield folder / "plan.txt", told(made)
    if made.servers:
        yield folder / "toolgate.yaml", with_grant(with_servers("", made.servers), "local", list(made.servers))
    yield folder / f"new{kind}", client.format.connect("", "toolgate", link_of(client)).text
    yield folder / f"connected{kind}", client.format.connect(text_of(client), "toolgate", link_of(client)).text
    if not client.starts_only:
        yield folder / f"started{kind}", client.format.connect(text_of(client), "toolgate", STARTED).text


@posix
@pytest.mark.promise("import.plan", "connect.files")
@clients
def test_client(client: Client):
    for file, outcome in outcomes(client):
        if os.environ.get("REWRITE_GOLDEN") == "1":
            file.write_bytes(outcome.encode())
        assert file.read_bytes().decode() == outcome, file.name


def test_each_client_has_samples_and_no_sample_is_an_orphan():
    assert {path.name for path in FOLDER.iterdir()} == set(CLIENTS)
    for client in CLIENTS.values():
        expected = {file.name for file, _ in outcomes(client)} | {given(client).name}
        assert {path.name for path in (FOLDER / client.id).iterdir()} == expected


@pytest.mark.promise("import.secrets")
@pytest.mark.parametrize("files", [True, False], ids=["files", "variables"])
@clients
def test_what_is_planned_repeats_no_secret(client: Client, files: bool):
    """Every sample marks what stands for a secret with `made-up`."""
    made = planned(client, files=files)
    assert "made-up" not in told(made) + with_servers("", made.servers) + repr(made)
    moved = {value for value in made.files.values() if "made-up" in value}
    lines = [line for line in made.lines[0] if line.moved]
    assert len(moved) == (sum(len(line.moved) for line in lines) if files else 0)


@posix
@clients
def test_what_is_imported_is_what_toolgate_reads(client: Client):
    made = planned(client)
    around = Surroundings(extensions.kinds(), None, Path("/etc/toolgate"))
    read = declarative.read(with_servers("", made.servers), "toolgate.yaml", around)
    for spec in read.servers:
        entry = made.servers[spec.name]
        member = {"headers": dict(spec.headers)} if "headers" in entry else {}
        assert {"kind": spec.kind, **spec.settings, **member} == entry


@pytest.mark.promise("connect.files")
@clients
def test_connecting_twice_changes_nothing_and_another_link_replaces_the_first(client: Client):
    for text in (text_of(client), "", "\r\n".join(text_of(client).splitlines()) + "\r\n"):
        once = client.format.connect(text, "toolgate", link_of(client)).text
        assert client.format.connect(once, "toolgate", link_of(client)).text == once
        other = client.format.connect(once, "toolgate", STARTED).text
        again = client.format.connect(other, "toolgate", link_of(client)).text
        assert {found.name for found in client.format.read(again)} == {found.name for found in client.format.read(once)}
        assert client.format.read(again) == client.format.read(once)


@pytest.mark.promise("connect.files")
@clients
def test_an_entry_is_taken_out_and_all_else_stays(client: Client):
    before = text_of(client)
    once = client.format.connect(before, "further", link_of(client)).text
    back = client.format.disconnect(once, "further")
    assert client.format.read(back.text) == client.format.read(before)
    assert _lines(before) <= _lines(back.text)
    assert client.format.disconnect(back.text, "further").text == back.text


def _lines(text: str) -> set[str]:
    return {line.strip().rstrip(",") for line in text.splitlines()}


@clients
def test_only_what_is_ours_is_shown_of_a_change(client: Client):
    changed = client.format.connect(text_of(client), "toolgate", link_of(client))
    assert "toolgate" in "".join(changed.added)
    assert "made-up" not in "".join(changed.added)
