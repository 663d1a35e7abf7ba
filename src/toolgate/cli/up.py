"""`toolgate up`: serves until it is told to stop."""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import typer

from toolgate import __version__, settings
from toolgate.assembly.free_port import free_port
from toolgate.assembly.gateway import Gateway, open_gateway
from toolgate.assembly.http import Server
from toolgate.assembly.records import open_records
from toolgate.cli import alone, configuration
from toolgate.cli.banner import Banner, served
from toolgate.cli.event_loop import run, settle
from toolgate.cli.flags import with_flags
from toolgate.cli.output import colours, program
from toolgate.cli.owning import owning
from toolgate.cli.stopping import Stopping
from toolgate.client.place import data_directory
from toolgate.control.demo import DEMO
from toolgate.model.declared import Declared, ServerSpec
from toolgate.settings import Settings
from toolgate.sinks import logging_setup
from toolgate.sinks.log import CallLog
from toolgate.sinks.log import Config as CallLogConfig
from toolgate.stores.data_dir import DataDir, make_directory, open_data_dir
from toolgate.stores.ownership import Ownership, Running

_QUIET = ("uvicorn", "watchfiles", "asyncio", "alembic")

logger = logging.getLogger(__name__)
app = typer.Typer(add_completion=False)


class Start(msgspec.Struct, frozen=True):
    """What one start was asked for. `reload` reads the configuration anew; None for the demo and for what the command
    line names."""

    settings: Settings
    chosen: frozenset[str]
    declared: Declared
    reload: Callable[[], Declared] | None


@app.command()
@with_flags(
    settings.NAMES, files=alone.FilesFlag, writable=alone.WritableFlag, db=alone.DbFlag, functions=alone.FunctionsFlag
)
def up(
    flags: dict[str, Any], files: list[str] | None, writable: bool | None, db: str | None, functions: str | None
) -> None:
    """Serves what toolgate.yaml declares, or a small demo where there is none."""
    named = [
        *alone.directories(files or (), writable=bool(writable)),
        *alone.databases(db),
        *alone.functions(functions),
    ]
    start = prepare(flags, named)
    directory = data_directory(start.settings.data_dir, os.environ)
    make_directory(directory)
    with ExitStack() as stack:
        owned = owning(stack, directory)
        data = open_data_dir(directory)
        plain = _log(start, sys.stdout.isatty())
        calls = CallLog(CallLogConfig(sys.stdout.fileno(), pretty=not plain, colour=not plain and colours(sys.stdout)))
        stack.callback(calls.close)
        run(_serve(start, data, owned, calls))


def prepare(flags: dict[str, Any], servers: Sequence[ServerSpec] = ()) -> Start:
    """Settings and configuration; `servers` are those that the command line names. Raises ConfigError."""
    here = Path.cwd()
    found = settings.load(flags, os.environ, here)
    chosen = settings.chosen(flags, os.environ, here)
    only = alone.declared(servers, config="config" in chosen)
    file = configuration.chosen(found.config) if only is None else None
    reload = None if file is None else configuration.reader(file, stored=found.state != "none")
    declared = only or (DEMO if reload is None else reload())
    if "port" not in chosen:
        found = msgspec.structs.replace(found, port=free_port(found.host, found.port))
    return Start(found, chosen, declared, reload)


def _log(start: Start, terminal: bool) -> bool:
    """Sends the gateway's own log to standard error. Returns whether logs are for machines: at a terminal only when
    that was asked for."""
    machine = start.settings.log_format == "json" and ("log_format" in start.chosen or not terminal)
    logging_setup.configure("json" if machine else "pretty", start.settings.log_level, sys.stderr)
    if start.settings.log_level != "debug":
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
    return machine


async def _serve(start: Start, data: DataDir, owned: Ownership, calls: CallLog) -> None:
    with Stopping() as stopping:
        async with (
            open_records(start.settings, data, start.declared, os.environ) as kept,
            open_gateway(
                start.settings,
                data,
                start.declared,
                os.environ,
                start.reload,
                (calls,),
                kept.administration,
                kept.gathering,
            ) as gateway,
        ):
            server = gateway.listening.server
            stopping.calls(lambda: _stop(start, server), lambda: server.stop(at_once=True))
            owned.announce(Running(os.getpid(), gateway.listening.local, time.time(), __version__))
            _greet(start, data, gateway)
            settle()
            await gateway.serve()
            owned.withdraw()


def _stop(start: Start, server: Server) -> None:
    logger.info(
        "told to stop: calls under way may take %g s, and a second signal ends them", start.settings.drain_timeout
    )
    server.stop()


def _greet(start: Start, data: DataDir, gateway: Gateway) -> None:
    """With a log that was asked to be for machines, standard output is theirs alone."""
    shown = gateway.line.declared()
    banner = Banner(
        url=gateway.listening.url,
        data=data,
        settings=start.settings,
        declared=shown,
        served=served(gateway.line.catalog, shown),
        command=program(os.environ),
        moved="port" not in start.chosen and start.settings.port != Settings().port,
    )
    alone = start.settings.log_format == "json" and "log_format" in start.chosen
    stream = sys.stderr if alone else sys.stdout
    stream.write(banner.text())
    stream.flush()
