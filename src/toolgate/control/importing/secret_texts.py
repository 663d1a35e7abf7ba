"""A value of a client's file -> the text that stands for it in `toolgate.yaml`: itself, a reference to a variable, or a
secret that is to be moved and referred to."""

import re

import msgspec

from toolgate.control.clients.variables import Style, any_in, whole
from toolgate.rules import plaintext, references

MOST_BYTES = 64 * 1024
"""What `file:` reads at most."""

_READABLE = "argument {} holds a secret, and everybody on the machine can read arguments: give it in `env`"
# Only known ones stay before a reference: the first word of a pass phrase is a part of the secret.
_SCHEME = re.compile(r"(?P<scheme>bearer|basic|token|apikey|api-key) +(?P<rest>\S+)", re.IGNORECASE)
_SHOWN = re.compile(r"\b(bearer|basic) +\S", re.IGNORECASE)


class Literal(msgspec.Struct, frozen=True):
    """Stands as it is."""

    text: str


class FromVariable(msgspec.Struct, frozen=True):
    """The client takes it from a variable; `name` is empty where it asks a person instead."""

    name: str
    scheme: str = ""


class Secret(msgspec.Struct, frozen=True):
    """To be moved; `scheme` stays before the reference. Never in a repr."""

    value: str
    scheme: str = ""

    def __repr__(self) -> str:
        return "Secret(***)"


class Trouble(msgspec.Struct, frozen=True):
    """It cannot be taken; the reason never repeats it."""

    reason: str


Meaning = Literal | FromVariable | Secret | Trouble


def meaning(name: str, text: str, style: Style) -> Meaning | None:
    """What the value of a variable or header means; None when it says nothing (an empty secret)."""
    variable = whole(text, style)
    if variable is not None:
        return FromVariable(variable.name, variable.scheme)
    inside = any_in(text, style)
    if inside:
        return Trouble(f"`{name}` holds {inside} within a text, which only the client can put together")
    is_secret = (
        plaintext.is_secret_name(name)
        or plaintext.has_secret_shape(text)
        or plaintext.url_flaw(text) is not None
        or references.find(text) is not None
        or _SHOWN.search(text) is not None
    )
    if not is_secret:
        return Literal(text)
    if not text:
        return None
    if "\0" in text or len(text.encode("utf-8", "surrogatepass")) >= MOST_BYTES:
        return Trouble(f"`{name}` is no secret that a file can hold")
    found = _SCHEME.fullmatch(text)
    return Secret(text) if found is None else Secret(found["rest"], found["scheme"])


def argument_flaw(command: tuple[str, ...], style: Style) -> str:
    """Why a command cannot be taken; empty when it can. Everybody on a machine can read arguments, so no secret may be
    among them, not even one that is moved to a reference."""
    for place, word in enumerate(command):
        inside = any_in(word, style)
        if inside:
            return f"{inside} in its command is known to the client only"
        before = command[place - 1] if place else ""
        if _names_secret(word) or (before.startswith("-") and not word.startswith("-") and _is_secret_flag(before)):
            return _READABLE.format(place)
        if plaintext.has_secret_shape(word) or plaintext.url_flaw(word) or references.find(word):
            return _READABLE.format(place)
    return ""


def _names_secret(word: str) -> bool:
    """`--token=VALUE`, `TOKEN=VALUE`, `Authorization: VALUE`, `Bearer VALUE`."""
    name, _, value = re.sub("[:=]", "\0", word, count=1).partition("\0")
    named = bool(value.strip()) and plaintext.is_secret_name(name.strip().lstrip("-"))
    return named or _SHOWN.search(word) is not None


def _is_secret_flag(flag: str) -> bool:
    return "=" not in flag and plaintext.is_secret_name(flag.lstrip("-"))
