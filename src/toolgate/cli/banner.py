"""What `toolgate up` says once it listens."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from toolgate import __version__
from toolgate.cli.output import count
from toolgate.control.catalog import Catalog
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import EVERYONE, LOCAL_KEY, Declared
from toolgate.rules.exposure import is_loopback
from toolgate.rules.redaction import printable
from toolgate.settings import Settings
from toolgate.stores.data_dir import DataDir

_MOST_SERVERS = 12
_WIDTH = 11


class Banner(msgspec.Struct, frozen=True):
    """`served` are lines about the servers; `moved` says that the usual port was taken; `command` is how this program
    is called here."""

    url: str
    data: DataDir
    settings: Settings
    declared: Declared
    served: Sequence[str]
    moved: bool
    command: str = "toolgate"

    def text(self) -> str:
        """All of it. The key is in it on the very first start, and never again."""
        lines = [f"Toolgate {__version__}", ""]
        lines += _row("Endpoint", [f"{self.url}/mcp", *(self._moved() if self.moved else [])])
        lines += _row("Data", [_short(self.data.path)])
        if self.settings.open:
            lines += _row("Key", ["none is asked for (--open)"])
        elif self.data.first_start:
            lines += _row("Key", [self.data.local_key, f"shown this once, kept in {_short(self.data.local_key_file)}"])
        else:
            lines += _row("Key", [f"in {_short(self.data.local_key_file)}"])
        lines += _row("Servers", self.served)
        lines += ["", *_row("Connect", self._connect()), *_row("Try", self._try()), ""]
        lines += self._hints()
        return "\n".join(f"  {line}".rstrip() for line in lines) + "\n\n"

    def _moved(self) -> list[str]:
        return [f"(port {Settings().port} is taken; choose another with --port)"]

    def _connect(self) -> list[str]:
        add = f"claude mcp add --transport http toolgate {self.url}/mcp"
        if not self.settings.open:
            add += f' --header "Authorization: Bearer $(cat {shlex.quote(str(self.data.local_key_file))})"'
        directory = "" if self.settings.data_dir is None else f" --data-dir {shlex.quote(str(self.data.path))}"
        return [
            add,
            f"clients that speak only stdio: `{self.command} stdio{directory}` here,",
            f"`{self.command} bridge {self.url}/mcp` with TOOLGATE_KEY on other machines",
        ]

    def _try(self) -> list[str]:
        directory = "" if self.settings.data_dir is None else f" --data-dir {shlex.quote(str(self.data.path))}"
        if self._is_demo():
            return [f"{self.command} call{directory} demo echo --arg text=hello"]
        return [f"{self.command} tools{directory}"]

    def _is_demo(self) -> bool:
        return self.declared.file is None and all(spec.kind == "echo" for spec in self.declared.servers)

    def _hints(self) -> list[str]:
        hints: list[str] = []
        if self._is_demo():
            hints.append("This is the built-in demo. Put your own servers into toolgate.yaml, here, and start again.")
        elif self.declared.file is not None and not _grants_to_local(self.declared):
            hints.append(
                f"The key `{LOCAL_KEY}` is granted nothing, so it sees nothing: see `grants` in {self.declared.file}."
            )
        if is_loopback(self.settings.host) and not self.settings.behind_proxy:
            hints.append("Only this machine can connect. Ctrl-C stops.")
        else:
            hints.append("Ctrl-C stops.")
        return hints


def served(catalog: Catalog, declared: Declared) -> list[str]:
    """One line for each server: its tools, or why they are not known."""
    notes = catalog.notes()
    lines: list[str] = []
    for spec in declared.servers[:_MOST_SERVERS]:
        opened = catalog.opened.get(spec.name)
        discovery = None if opened is None else opened.discovery
        if discovery is None:
            lines.append(f"{spec.name} ({spec.kind})  not ready: {printable(notes.get(spec.name, 'no reason known'))}")
        else:
            tools = sum(1 for offer in discovery.offers if offer.kind is OfferKind.TOOL)
            lines.append(f"{spec.name} ({spec.kind})  {count(tools, 'tool')}")
    if len(declared.servers) > _MOST_SERVERS:
        lines.append(f"and {len(declared.servers) - _MOST_SERVERS} more")
    return lines or ["none"]


def _grants_to_local(declared: Declared) -> bool:
    return any(grant.effect == "allow" and grant.subject in (f"key:{LOCAL_KEY}", EVERYONE) for grant in declared.grants)


def _row(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title if number == 0 else '':<{_WIDTH}}{line}" for number, line in enumerate(lines)]


def _short(path: Path) -> str:
    """A path as people write it."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
