"""`toolgate connect`: writes a client's configuration so that it uses this gateway, and takes that back."""

import asyncio
import shutil
import sys
import textwrap
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer

from toolgate.cli import clients
from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import ERROR, NOT_READY
from toolgate.cli.output import say, write
from toolgate.cli.reaching import DataDirOption, directory, gateway
from toolgate.client.place import split
from toolgate.control.clients.client import Change, Client, Link, Unreadable
from toolgate.model.errors import ConfigError
from toolgate.rules.exposure import is_loopback
from toolgate.stores import replacing
from toolgate.stores.data_dir import LOCAL_KEY
from toolgate.stores.ownership import find_running

app = typer.Typer(add_completion=False)

KEY_VARIABLE = "TOOLGATE_KEY"
_PROGRAM = "import sys; from toolgate.cli.main import main; sys.exit(main())"


class Target(msgspec.Struct, frozen=True):
    """What clients are led to: `url`, and the key by the names of a variable and a file, never itself. `key_file` is
    None where no file holds it, `variable` empty where no key is asked for."""

    name: str
    url: str
    variable: str
    key_file: Path | None
    stdio: bool

    def link(self, client: Client) -> Link:
        """How one client reaches it. Raises ConfigError when the client cannot be told where the key is."""
        if not self.stdio and not client.starts_only:
            return Link(self.url, self.variable)
        command = [*program(), "bridge", self.url]
        if self.variable:
            if self.key_file is None:
                why = client.starts_only or "--stdio"
                raise ConfigError((f"{client.id}: {why}, so it starts `toolgate bridge`: give --key-file FILE",))
            command += ["--key-file", str(self.key_file)]
        return Link(self.url, command=tuple(command))


@app.command()
def connect(  # noqa: PLR0913, PLR0917 - one parameter for each option
    client: Annotated[list[str], typer.Argument(help="Which clients, as `cursor`.", metavar="CLIENT...")],
    url: Annotated[str, typer.Option("--url", help="The gateway; by default the one that runs here.")] = "",
    name: Annotated[str, typer.Option("--name", help="What the client calls it.")] = "toolgate",
    variable: Annotated[
        str,
        typer.Option("--variable", metavar="NAME", help="The environment variable that the client takes the key from."),
    ] = KEY_VARIABLE,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="The file that `toolgate bridge` takes it from.")
    ] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="The gateway asks for no key.")] = False,
    stdio: Annotated[bool, typer.Option("--stdio", help="Have the client start `toolgate bridge`.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Print the entry, change nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    verify: Annotated[
        float, typer.Option("--verify", metavar="SECONDS", help="Wait so long for the client's first call.")
    ] = 0.0,
    data_dir: DataDirOption = None,
) -> None:
    """Writes the configuration of clients so that they use this gateway. The file as it was is kept beside it, and
    --undo brings it back. The key itself is never written: clients are told where it is."""
    meant = clients.chosen(client)
    if undo:
        _undo(meant, name)
        return
    place = directory(data_dir)
    target = _target(place, name, url, "" if no_key else variable, key_file, stdio)
    links = [(each, target.link(each)) for each in meant]  # all of them, before any file is changed
    for each, link in links:
        if only_print:
            say(f"{each.title}: {clients.short(clients.file_of(each, clients.where()))}")
            write(each.format.connect("", name, link).text.rstrip("\n"))
        else:
            _write(each, name, link)
    if not only_print:
        _tell_key(links, target)
        if verify > 0:
            run(_wait(verify, data_dir))


def program() -> list[str]:
    """How a client starts us: by an absolute path, because it has a PATH of its own."""
    beside = Path(sys.executable).parent / ("toolgate.exe" if sys.platform == "win32" else "toolgate")
    found = str(beside) if beside.is_file() else shutil.which("toolgate")
    return [str(Path(found).absolute())] if found else [sys.executable, "-c", _PROGRAM]


def _target(place: Path, name: str, url: str, variable: str, key_file: Path | None, stdio: bool) -> Target:
    if not name or not name.isprintable() or not name.isascii():
        raise ConfigError(("--name: expected printable ASCII characters",))
    if variable and not (variable.isascii() and variable.isidentifier()):
        raise ConfigError(("--variable: expected the name of an environment variable, not a key",))
    running = find_running(place)
    if not url and running is None:
        say(f"no Toolgate runs with the data directory {place}: start `toolgate up`, or give --url")
        raise typer.Exit(NOT_READY)
    own = "" if running is None else f"{running.url}/mcp"
    origin, base = split(url, "--url") if url else ("", "")
    endpoint = f"{origin}{base}/mcp" if url else own
    host = origin.partition("://")[2].rpartition(":")[0] or origin.partition("://")[2]
    if origin.startswith("http://") and not is_loopback(host.strip("[]")):
        raise ConfigError((f"--url: everybody on the way to {host} could read the key: use https",))
    if key_file is None and own and endpoint.startswith(own.removesuffix("/mcp") + "/"):
        key_file = place / LOCAL_KEY
    if key_file is not None and not key_file.is_file():
        raise ConfigError((f"--key-file {key_file}: there is no such file",))
    return Target(name, endpoint, variable, None if key_file is None else key_file.absolute(), stdio)


def _write(client: Client, name: str, link: Link) -> None:
    path = clients.file_of(client, clients.where())
    found = clients.content(path)
    changed = _changed(path, lambda: client.format.connect(found.text, name, link))
    if changed.text == found.text and found.raw is not None:
        write(f"{client.title}  {clients.short(path)}  is connected already")
        return
    backup = replacing.change(path, found.raw, found.encoded(changed.text))
    write(f"{client.title}  {clients.short(path)}")
    for added in changed.added:
        for line in textwrap.dedent(added.lstrip(",").strip("\r\n")).splitlines():
            write(f"  + {line}".rstrip())
    kept = "the file is new" if found.raw is None else f"kept as it was in {backup.name}"
    say(f"{client.title}: {kept}; undo: toolgate connect {client.id} --undo")
    if client.note:
        say(f"{client.title}: {client.note}")


def _undo(meant: list[Client], name: str) -> None:
    for client in meant:
        path = clients.file_of(client, clients.where())
        if replacing.restore(path):
            write(f"{client.title}  {clients.short(path)}  is as it was before")
            continue
        found = clients.content(path)
        changed = _changed(path, lambda each=client, text=found.text: each.format.disconnect(text, name))
        if changed.text == found.text:
            write(f"{client.title}  {clients.short(path)}  has no entry {name!r}: nothing to undo")
            continue
        replacing.write(path, found.encoded(changed.text))
        write(f"{client.title}  {clients.short(path)}  was changed since: only the entry {name!r} was taken out")


def _changed(path: Path, make: Callable[[], Change]) -> Change:
    try:
        return make()
    except Unreadable as error:
        raise ConfigError((f"{path}: {error}: repair it, or put the entry in by hand (--print)",)) from None


def _tell_key(links: list[tuple[Client, Link]], target: Target) -> None:
    """Where the key is to be put, once, for those who take it from their environment or ask for it."""
    named = [client.title for client, link in links if link.variable and not client.asks]
    held = f' as in: export {target.variable}="$(cat {target.key_file})"' if target.key_file else ""
    if named:
        say(f"{', '.join(named)}: set {target.variable} where it is started,{held or ' to the key'}")
    asking = [client.title for client, link in links if link.variable and client.asks]
    if asking and target.key_file:
        say(f"{', '.join(asking)}: the key that is asked for is in {target.key_file}")


async def _wait(seconds: float, data_dir: str | None) -> None:
    """Until somebody calls who is not the command line."""
    say(f"waiting up to {seconds:g} s for a call: use the client now")
    try:
        async with asyncio.timeout(seconds), gateway(data_dir) as reached, aclosing(reached.follow(0)) as records:
            async for record in records:
                who = str(cast("dict[str, Any]", record.get("client") or {}).get("name", ""))
                if who != "toolgate-cli":
                    say(f"{who or 'a client'} has called: {record.get('method')}, {record.get('outcome')}")
                    return
    except TimeoutError:
        say("nobody has called: start the client again, and see `toolgate calls --follow`")
        raise typer.Exit(ERROR) from None
