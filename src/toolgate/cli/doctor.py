"""`toolgate doctor`: looks at everything that a start needs, and says how to repair what is wrong."""

import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate import settings
from toolgate.assembly.free_port import free_port
from toolgate.assembly.line import Setup, open_line
from toolgate.cli import configuration
from toolgate.cli.check import summary
from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import NOT_READY
from toolgate.cli.output import Form, count, write, write_value
from toolgate.client.gateway import Gateway
from toolgate.client.place import data_directory, find
from toolgate.control.demo import DEMO
from toolgate.model.catalog import Discovery, OfferKind
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError, Fault
from toolgate.rules import keys
from toolgate.rules.redaction import printable
from toolgate.settings import Settings
from toolgate.stores.data_dir import SEALING_BYTES, DataDir, open_data_dir
from toolgate.stores.ownership import find_running

app = typer.Typer(add_completion=False)

PATIENCE = 20.0
"""Seconds for all servers together to introduce themselves."""

_EARLIEST = datetime(2026, 7, 28, tzinfo=UTC).timestamp()


class Finding(msgspec.Struct, frozen=True):
    """One look at one thing. `repair` is empty where nothing is wrong."""

    what: str
    good: bool
    said: str
    repair: str = ""


@app.command()
def doctor(
    config: Annotated[str | None, typer.Option("--config", "-c", metavar="FILE", help="What is served.")] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="Its data.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="The form of the findings.")] = Form.TABLE,
) -> None:
    """Looks at settings, configuration, data directory, port, key and servers. Exit code 3 if something is wrong. Each
    server is started, or dialled, once more for this."""
    given: dict[str, Any] = {"config": config, "data_dir": data_dir}
    findings = run(_examine({name: value for name, value in given.items() if value is not None}, output))
    if output is not Form.TABLE:
        write_value([msgspec.structs.asdict(finding) for finding in findings], output)
    if not all(finding.good for finding in findings):
        raise typer.Exit(NOT_READY)


async def _examine(given: dict[str, Any], output: Form) -> list[Finding]:
    """All findings; at a table each is printed as it comes."""
    findings: list[Finding] = []
    async for finding in _findings(given):
        findings.append(finding)
        if output is Form.TABLE:
            write(f"{'ok ' if finding.good else 'BAD'}  {finding.what:<14} {printable(finding.said)}")
            if finding.repair:
                write(f"     {'':<14} -> {printable(finding.repair)}")
    return findings


async def _findings(given: dict[str, Any]) -> AsyncIterator[Finding]:
    try:
        found = settings.load(given, os.environ, Path.cwd())
    except ConfigError as error:
        for said in error.findings:
            yield Finding("settings", False, said, "correct it, or unset it")
        return
    yield Finding("settings", True, f"{found.host} port {found.port}, {_exposure(found)}")
    yield _clock()
    directory = data_directory(found.data_dir, os.environ)
    yield _data(directory)
    async for finding in _instance(found, directory):
        yield finding
    file = configuration.chosen(found.config)
    try:
        declared = DEMO if file is None else configuration.reader(file, stored=found.state != "none")()
    except ConfigError as error:
        for said in error.findings:
            yield Finding("configuration", False, said, "correct the file; `toolgate check` reads it again")
        return
    where = "the built-in demo: there is no toolgate.yaml here" if file is None else f"{file}: {summary(declared)}"
    yield Finding("configuration", True, where)
    for finding in _expired(declared):
        yield finding
    async for finding in _servers(declared):
        yield finding


def _exposure(found: Settings) -> str:
    if found.open:
        return "without keys, for this machine only"
    return "behind a proxy" if found.behind_proxy else "with TLS" if found.tls_cert else "without TLS"


def _clock() -> Finding:
    now = time.time()
    said = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    if now < _EARLIEST:
        return Finding("clock", False, said, "set the clock: certificates and the expiry of keys depend on it")
    return Finding("clock", True, said)


def _data(directory: Path) -> Finding:
    if not directory.exists():
        return Finding("data", True, f"{directory}: not there yet, the first `toolgate up` makes it")
    try:
        open_data_dir(directory)
    except ConfigError as error:
        return Finding("data", False, str(error), "do what it says, or choose another with --data-dir")
    return Finding("data", True, f"{directory}: complete, and for its owner only")


async def _instance(found: Settings, directory: Path) -> AsyncIterator[Finding]:
    running = find_running(directory)
    if running is None:
        free = found.port == 0 or free_port(found.host, found.port) == found.port
        said = f"{found.port} on {found.host} is {'free' if free else 'taken by another process'}"
        yield Finding("port", free, said, "" if free else "stop that process, or choose another port with --port")
        return
    yield Finding("running", True, f"process {running.pid}, version {running.version}, at {running.url}")
    try:
        place = find(directory, os.environ)
        async with Gateway(place) as gateway:
            status = await gateway.status("/readyz")
            yield Finding("ready", status == 200, f"/readyz answers {status}", "" if status == 200 else _READY)
            tools = await gateway.listed(None, "tools/list", "tools")
    except (ConfigError, Fault) as error:
        yield Finding("key", False, str(error), "see TOOLGATE_KEY, TOOLGATE_URL and local.key")
        return
    may = f"it may use {count(len(tools), 'tool')}" if tools else "it is known, and may use no tool"
    yield Finding("key", True, may)


_READY = "the log of `toolgate up` says why; an edit of the configuration that was refused is one reason"


def _expired(declared: Declared) -> Iterator[Finding]:
    for key in declared.keys:
        if key.expires is not None and key.expires <= time.time():
            yield Finding(f"key {key.name}", False, "has expired", "remove it, or give it another `expires`")


async def _servers(declared: Declared) -> AsyncIterator[Finding]:
    """Each server is opened as `up` does it, in a data directory of its own that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="toolgate-doctor-") as folder:
        data = DataDir(
            path=Path(folder),
            sealing_key=secrets.token_bytes(SEALING_BYTES),
            key_pepper=secrets.token_bytes(keys.PEPPER_BYTES),
            local_key=keys.mint(secrets.token_bytes(keys.ENTROPY_BYTES)),
            first_start=False,
        )
        async with open_line(Setup(data, declared, os.environ)) as line:
            await line.catalog.settled(PATIENCE)
            notes = line.catalog.notes()
            for spec in declared.servers:
                opened = line.catalog.opened.get(spec.name)
                if opened is None or opened.discovery is None:
                    said = notes.get(spec.name, "it did not introduce itself in time")
                    yield Finding(f"server {spec.name}", False, said, f"see `servers.{spec.name}` in the configuration")
                else:
                    yield Finding(f"server {spec.name}", True, f"{spec.kind}, {_introduced(opened.discovery)}")


def _introduced(found: Discovery) -> str:
    tools = sum(1 for offer in found.offers if offer.kind is OfferKind.TOOL)
    return f"speaks {', '.join(found.versions)} ({' and '.join(sorted(found.eras))}), {count(tools, 'tool')}"
