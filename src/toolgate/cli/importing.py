"""`toolgate import`: takes the servers of clients' files into toolgate.yaml. First the plan; then, if it is wanted, all
of it: secrets into files of their own, and the entries."""

import os
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate import extensions
from toolgate.cli import clients, registries
from toolgate.cli.configuration import DEFAULT_CONFIG
from toolgate.cli.exit_codes import USAGE
from toolgate.cli.output import say, write
from toolgate.cli.reaching import directory
from toolgate.client.place import split
from toolgate.control import declarative
from toolgate.control.clients.client import Client, Found, Unreadable
from toolgate.control.clients.table import CLIENTS, of_file
from toolgate.control.declared_servers import Surroundings
from toolgate.control.importing.plan import Ground, Line, Plan, Source, plan, unknown
from toolgate.control.importing.yaml_text import NoPlace, with_grant, with_servers
from toolgate.model.declared import LOCAL_KEY, Declared
from toolgate.model.errors import ConfigError
from toolgate.rules.exposure import is_loopback
from toolgate.rules.redaction import printable
from toolgate.stores import replacing
from toolgate.stores.data_dir import make_directory
from toolgate.stores.ownership import find_running

app = typer.Typer(add_completion=False)

SECRETS = "secrets"
_MARKS = {"new": "+", "same": "=", "present": "=", "left": "-"}


class Keep(StrEnum):
    """Where secrets go."""

    FILES = "files"
    ENV = "env"


class Outcome(msgspec.Struct, frozen=True):
    """What is to be written: the whole text of `config`, which was `before`."""

    config: Path
    before: clients.Content
    text: str


@app.command("import")
def import_(  # noqa: PLR0913, PLR0917 - one parameter for each option
    what: Annotated[
        list[str] | None,
        typer.Argument(help="A client's file, or a server.json; with --registry, servers there.", metavar="[WHAT]..."),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--from", metavar="CLIENT", help="Only this client; may be given again.")
    ] = None,
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="Where the servers go.")] = Path(
        DEFAULT_CONFIG
    ),
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this server.")] = None,
    grant: Annotated[bool, typer.Option("--grant", help=f"Let the key `{LOCAL_KEY}` use all of them.")] = False,
    secrets: Annotated[
        Keep, typer.Option("--secrets", help="Files of their own, or variables that you set.")
    ] = Keep.FILES,
    registry: Annotated[
        str, typer.Option("--registry", metavar="URL", help="Take servers of this MCP registry: [NAME...], or all.")
    ] = "",
    search: Annotated[str, typer.Option("--search", metavar="WORD", help="Those that the registry finds by it.")] = "",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="The file with the key for the registry.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="Where secrets go.")
    ] = None,
) -> None:
    """Takes the servers that clients have into toolgate.yaml. Shows first what it would do. No server is started, and
    the clients' files are not changed; secrets are moved into files that only you can read."""
    place = directory(data_dir)
    before, declared = _present(config)
    kept = place / SECRETS if secrets is Keep.FILES else None
    sources = _registered(registry, what or [], source or [], search, key_file) or _sources(_file(what), source or [])
    wrong = unknown(only or (), sources)
    if wrong:
        raise ConfigError(tuple(printable(finding) for finding in wrong))
    made = plan(sources, _ground(declared, config, place, kept, frozenset(only or ())))
    _show(made)
    if not made.servers:
        say("nothing to import" if made.sources else "no client's file was found: give one, or --from CLIENT")
        return
    outcome = _outcome(config, before, declared, made, grant=grant)
    _confirm(made, config, asked=not yes)
    _carry_out(made, outcome, kept, place)
    _tell(made, declared, grant=grant)


def _registered(
    url: str, names: Sequence[str], clients_: Sequence[str], search: str, key_file: Path | None
) -> list[Source]:
    """The servers of a registry, if one is meant."""
    if not url:
        if search or key_file is not None:
            raise ConfigError(("--search and --key-file are for a registry: give --registry URL",))
        return []
    if clients_:
        raise ConfigError(("--registry and --from: give one of them",))
    return [registries.from_registry(url, names, search, key_file)]


def _file(given: Sequence[str] | None) -> Path | None:
    if given and len(given) > 1:
        raise ConfigError(("give one FILE, or --registry URL and the names of servers there",))
    return Path(given[0]) if given else None


def _present(config: Path) -> tuple[clients.Content, Declared]:
    """The file that is added to, which must be right as it is. Raises ConfigError."""
    before = clients.content(config)
    if before.raw is None:
        return before, Declared()
    return before, declarative.load(config, extensions.kinds(), None)


def _sources(file: Path | None, names: Sequence[str]) -> list[Source]:
    """The files that are meant. One that was asked for must be there; of the rest, those that are."""
    meant = clients.chosen(names)
    if file is not None:
        if len(meant) > 1:
            raise ConfigError(("FILE is in the format of one client: give --from once",))
        held = clients.content(file)
        if held.raw is None:
            raise ConfigError((f"{file}: there is no such file",))
        described = None if meant else registries.from_file(file, held.text)
        if described is not None:
            return [described]
        client = meant[0] if meant else of_file(file.name, held.text)
        return [_source(client, file, held, client.title if meant else "File", asked=True)]
    found: list[Source] = []
    seen: set[Path] = set()  # at home, the user's file and the directory's may be one
    for client in meant or CLIENTS.values():
        path = clients.file_of(client, clients.where())
        if path in seen:
            continue
        seen.add(path)
        held = clients.content(path)
        if held.raw is not None:
            read = _source(client, path, held, client.title, asked=bool(meant))
            found += [read] if read.found or read.trouble or meant else []
        elif meant:
            raise ConfigError((f"{client.id}: {path}: there is no such file",))
    return found


def _source(client: Client, path: Path, held: clients.Content, title: str, *, asked: bool) -> Source:
    try:
        return Source(title, clients.short(path), client.variables, client.format.read(held.text))
    except Unreadable as error:
        if asked:
            raise ConfigError((f"{path}: {error}",)) from None
        return Source(title, clients.short(path), trouble=str(error))


def _ground(declared: Declared, config: Path, place: Path, kept: Path | None, only: frozenset[str]) -> Ground:
    running = find_running(place)
    around = Surroundings(extensions.kinds(), None, config.absolute().parent)

    def judge(name: str, entry: dict[str, Any]) -> str:
        try:
            declarative.read(with_servers("", {name: entry}), "", around)
        except ConfigError as error:
            return re.sub(r"^:\d+: (servers\.[a-z0-9-]+\.?)?", "", error.findings[0])
        return ""

    def held(path: str) -> str | None:
        raw = replacing.read(Path(path))
        return None if raw is None else raw.decode("utf-8", "replace").removesuffix("\n")

    return Ground(
        platform=sys.platform,
        present=declared.servers,
        taken=frozenset(spec.name for spec in (*declared.servers, *declared.virtual)),
        secrets=None if kept is None else kept.absolute(),
        held=held,
        is_ours=lambda found: _is_ours(found, "" if running is None else running.url),
        judge=judge,
        is_set=lambda name: bool(os.environ.get(name)),
        only=only,
    )


def _is_ours(found: Found, running: str) -> bool:
    """Whether an entry leads to this gateway: it would then serve itself."""
    words = [re.split(r"[\\/]", word)[-1].removesuffix(".exe") for word in found.command]
    if "toolgate" in words and {"bridge", "stdio"} & set(words):
        return True
    if not found.url or not running:
        return False
    try:
        (origin, _), (own, _) = split(found.url, "url"), split(running, "running.json")
    except ConfigError:
        return False
    host, _, port = origin.partition("://")[2].rpartition(":")
    return origin == own or (is_loopback(host.strip("[]")) and port == own.rpartition(":")[2])


def _show(made: Plan) -> None:
    """The plan. It names what is secret and never repeats it."""
    lines = [line for group in made.lines for line in group]
    width = min(24, max((len(line.name) for line in lines), default=0))
    for source, group in zip(made.sources, made.lines, strict=True):
        write(printable(f"{source.title}  {source.path}"))
        if source.trouble:
            write(printable(f"  ! cannot be read: {source.trouble}"))
        for line in group:
            write(printable(f"  {_MARKS[line.fate]} {line.name:<{width}}  {_words(line)}").rstrip())


def _words(line: Line) -> str:
    moved = f"moves {len(line.moved)} secret{'s' if len(line.moved) > 1 else ''}: {', '.join(line.moved)}"
    left = f"left out: {line.remark}" if line.fate == "left" else line.remark
    return "  ".join(part for part in (line.what, left, moved if line.moved else "") if part)


def _outcome(config: Path, before: clients.Content, declared: Declared, made: Plan, *, grant: bool) -> Outcome:
    """The new text, proven: it says what the old one said, and the plan. Raises ConfigError."""
    try:
        text = with_servers(before.text, made.servers)
        if grant:
            text = with_grant(text, LOCAL_KEY, list(made.servers))
    except NoPlace as error:
        raise ConfigError((f"{config}: {error}",)) from None
    around = Surroundings(extensions.kinds(), None, config.absolute().parent)
    after = declarative.read(text, str(config), around)
    names = [spec.name for spec in after.servers[len(declared.servers) :]]
    if _said(after, declared) != _said(declared, declared) or names != list(made.servers):
        raise ConfigError(
            (f"{config}: is written in a way that cannot be added to: import into another with --config",)
        )
    return Outcome(config, before, text)


def _said(found: Declared, before: Declared) -> tuple[Any, ...]:
    """What a file says, as far as it may have said it before: new servers and grants stand at the end."""
    servers, grants = found.servers[: len(before.servers)], found.grants[: len(before.grants)]
    return servers, found.virtual, found.teams, found.keys, grants, found.records


def _confirm(made: Plan, config: Path, *, asked: bool) -> None:
    count = f"{len(made.servers)} server{'s' if len(made.servers) > 1 else ''}"
    secret = f" and {len(made.files)} secret{'s' if len(made.files) > 1 else ''}" if made.files else ""
    if not asked:
        return
    if not sys.stdin.isatty():
        say(f"nothing was written: give --yes to take {count}{secret} into {config}")
        raise typer.Exit(USAGE)
    if not typer.confirm(f"Take {count}{secret} into {config}? The clients' files stay as they are.", err=True):
        say("nothing was written")
        raise typer.Exit


def _carry_out(made: Plan, outcome: Outcome, kept: Path | None, place: Path) -> None:
    """Secrets first, so that the entries never refer to nothing."""
    if replacing.read(outcome.config) != outcome.before.raw:
        raise ConfigError((f"{outcome.config}: was changed in this moment: try again",))
    if kept is not None and made.files:
        make_directory(place)
        make_directory(kept)
    for path, value in made.files.items():
        replacing.write(Path(path), f"{value}\n".encode(), private=True)
    if outcome.before.raw is not None:
        backup = outcome.config.with_name(f"{outcome.config.name}.before-import")
        replacing.write(backup, outcome.before.raw, private=True)
        say(f"{outcome.config} as it was is kept in {backup.name}")
    replacing.write(outcome.config, outcome.before.encoded(outcome.text))


def _tell(made: Plan, declared: Declared, *, grant: bool) -> None:
    for name in made.servers:
        write(f"imported {name}")
    if made.unset:
        say(f"set before Toolgate starts: {', '.join(made.unset)}")
    if not grant and not any(rule.effect == "allow" and "*" in rule.servers for rule in declared.grants):
        say("nobody may use them yet: add grants, or import with --grant")
