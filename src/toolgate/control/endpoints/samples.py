"""One request as somebody wrote it, before anything is made of it."""

import re

import msgspec


class Sample(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """`url` may hold `{name}` for what shall be an argument; so may values of headers and bodies. `user` is as
    `name:password`. `content_type` is empty where none was said. `remarks` are for whoever wrote it.

    It may hold secrets: it has no repr that shows them."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    content_type: str = ""
    user: str | None = None
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Sample({self.method})"


class Parameter(msgspec.Struct, frozen=True):
    """What is said of an argument beyond the sample. `name` is its name on the wire, or the one in braces."""

    name: str
    type: str | None = None
    required: bool = False
    default: str | None = None
    about: str | None = None


class Wishes(msgspec.Struct, frozen=True):
    """What is said of the tool. `fixed` are names of values that stay as in the sample, and are not the model's."""

    name: str
    tool: str | None = None
    about: str | None = None
    result: str | None = None
    read_only: bool = False
    parameters: tuple[Parameter, ...] = ()
    fixed: tuple[str, ...] = ()


_HEADER = re.compile(r"(?P<name>[^:;\s]+)\s*(?::\s*(?P<value>.*)|(?P<empty>;))", re.DOTALL)


def header(text: str) -> tuple[str, str] | None:
    """`Name: value` as curl takes it; None for what is no header."""
    found = _HEADER.fullmatch(text.strip())
    if found is None:
        return None
    return found["name"], "" if found["empty"] else found["value"].strip()
