"""`toolgate stdio`: serves one local client over standard input and output, or bridges it to the `up` that runs."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from toolgate import settings
from toolgate.assembly.stdio import open_stdio
from toolgate.cli import alone, configuration
from toolgate.cli.bridge.forwarding import forward
from toolgate.cli.bridge.remote import Remote
from toolgate.cli.event_loop import run
from toolgate.cli.stopping import Stopping
from toolgate.client.place import data_directory
from toolgate.control.demo import DEMO
from toolgate.edge.lines import Lines
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError
from toolgate.rules.names import meant
from toolgate.settings import Settings
from toolgate.sinks import logging_setup
from toolgate.sinks.log import CallLog
from toolgate.sinks.log import Config as CallLogConfig
from toolgate.stores.data_dir import DataDir, open_data_dir, read_local_key
from toolgate.stores.ownership import find_running

app = typer.Typer(add_completion=False)


@app.command()
def stdio(
    server: Annotated[str, typer.Option("--server", "-s", help="Serve only this server, or virtual server.")] = "",
    config: Annotated[str | None, typer.Option("--config", "-c", metavar="FILE", help="What to serve.")] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="Its data.")] = None,
    files: alone.FilesFlag = None,
    writable: alone.WritableFlag = None,
    db: alone.DbFlag = None,
    functions: alone.FunctionsFlag = None,
) -> None:
    """Serves one local client over standard input and output. Where an `up` runs with the same data directory, the
    client is served by it, unless --files, --db or --functions is given."""
    given: dict[str, Any] = {"config": config, "data_dir": data_dir}
    found = settings.load({name: value for name, value in given.items() if value}, os.environ, Path.cwd())
    directory = data_directory(found.data_dir, os.environ)
    named = [
        *alone.directories(files or (), writable=bool(writable)),
        *alone.databases(db),
        *alone.functions(functions),
    ]
    only = alone.declared(named, config=found.config is not None)
    running = find_running(directory) if only is None else None
    source, sink = take_standard_streams()
    if running is not None:
        path = f"/servers/{server}/mcp" if server else "/mcp"
        remote = Remote(f"{running.url}{path}", read_local_key(directory))
        run(forward(remote, source, sink, found.max_body))
        return
    file = configuration.chosen(found.config) if only is None else None
    reload = None if file is None else configuration.reader(file, stored=False)
    declared = only or (DEMO if reload is None else reload())
    if only is not None and len(only.servers) == 1:
        server = server or only.servers[0].name
    known = [spec.name for spec in (*declared.servers, *declared.virtual)]
    if server and server not in known:
        raise ConfigError((f"--server {server[:60]}: there is no server of this name{meant(server, known)}",))
    data = open_data_dir(directory)
    _log(found)
    calls = CallLog(CallLogConfig(sys.stderr.fileno(), pretty=found.log_format == "text"))
    try:
        run(_serve(found, data, declared, reload, calls, server, source, sink))
    finally:
        calls.close()


def take_standard_streams() -> tuple[int, int]:
    """Descriptors of our own for both streams. Whatever else writes to standard output then writes to standard error,
    so that nothing but messages reaches the client; and no child inherits its pipes."""
    source, sink = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return source, sink


def _log(found: Settings) -> None:
    logging_setup.configure("json" if found.log_format == "json" else "pretty", found.log_level, sys.stderr)
    for name in ("watchfiles", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def _serve(
    found: Settings, data: DataDir, declared: Declared, reload: Any, calls: CallLog, server: str, source: int, sink: int
) -> None:
    with Stopping() as stopping:
        lines = Lines(source, sink, found.max_body)
        async with open_stdio(found, data, declared, os.environ, reload, (calls,), server, lines) as edge:
            stopping.calls(edge.stop, lambda: None)
            await edge.serve(found.drain_timeout)
