"""What a client is to us, and the values that go between its file and the commands `import` and `connect`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Protocol

import msgspec

from toolgate.control.clients.variables import Style
from toolgate.model.errors import ToolgateError


class Unreadable(ToolgateError):
    """A client's file is not what it should be, or cannot be edited safely. The message never repeats its contents."""


class Where(msgspec.Struct, frozen=True):
    """The machine and the person. `platform` is `sys.platform`; `directory` the working directory, where a project's
    files are. Paths are of the platform's own flavour."""

    platform: str
    home: PurePath
    environment: Mapping[str, str]
    directory: PurePath

    def config_home(self) -> PurePath:
        """Where a user's settings belong: %APPDATA%, ~/Library/Application Support, or $XDG_CONFIG_HOME."""
        if self.platform == "win32":
            return self.named("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.named("XDG_CONFIG_HOME", self.home / ".config")

    def named(self, variable: str, default: PurePath) -> PurePath:
        """The directory that a variable names; the default where it is unset or relative."""
        given = type(self.home)(self.environment.get(variable) or ".")
        return given if given.is_absolute() else default


class Found(msgspec.Struct, frozen=True):
    """One server of a client's file, its values as they stand there. Either `command` or `url` is set.

    `trouble` says why the entry cannot be understood, `disabled` that the client does not use it. `transport` is what
    the file says: `stdio`, `http`, `sse`, or nothing. `note` is what else a person should know of it.
    """

    name: str
    transport: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = {}
    disabled: bool = False
    trouble: str = ""
    note: str = ""

    def __repr__(self) -> str:
        """Without the values: any of them may be a secret."""
        return f"Found({self.name!r})"


class Link(msgspec.Struct, frozen=True):
    """How a client is to reach us: over HTTP at `url`, showing the key that the variable `variable` holds (empty: no
    key is asked for), or by starting `command`, which bridges to `url` and reads the key itself."""

    url: str
    variable: str = ""
    command: tuple[str, ...] = ()


class Edit(msgspec.Struct, frozen=True):
    """The characters from `start` to `end` of a text become `text`. What is not edited survives byte for byte."""

    start: int
    end: int
    text: str


class Change(msgspec.Struct, frozen=True):
    """A file's text as it will be, and what was put into it on the way: all that may be shown of it, because the rest
    of the file is not ours and may hold secrets."""

    text: str
    added: tuple[str, ...] = ()

    def after(self, edits: Sequence[Edit]) -> "Change":
        """After edits of the text as it is here; they do not overlap."""
        text = self.text
        # From the end, so that positions hold; of two at one place the first comes first.
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end))[::-1]:
            text = text[: edit.start] + edit.text + text[edit.end :]
        return Change(text, (*self.added, *(edit.text for edit in edits if edit.text.strip(" ,\r\n"))))


class Format(Protocol):
    """The syntax and shape of a client's file. All raise Unreadable. An absent or empty file is the empty text."""

    def read(self, text: str, /) -> list[Found]: ...
    def connect(self, text: str, name: str, link: Link, /) -> Change: ...
    def disconnect(self, text: str, name: str, /) -> Change: ...


class Client(msgspec.Struct, frozen=True):
    """One client (or one scope of it).

    `files` are the places of its file, the usual one first. `source` is where the format is documented. `variables` are
    those that the client puts in place; `asks` says that it asks the person for the key instead; `starts_only` why it
    is given a program to start rather than a URL, empty where a URL will do. `note` is for the person who connects it.
    """

    id: str
    title: str
    files: Callable[[Where], Sequence[PurePath]]
    format: Format
    source: str
    variables: Style = "braced"
    starts_only: str = ""
    asks: bool = False
    note: str = ""
