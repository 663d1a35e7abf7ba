"""What a team's own file needs to offer its functions as tools:

    from toolgate.functions import tool

    @tool
    def order_state(number: str) -> str: ...

A decorated function stays what it was: it is imported, called and tested without a gateway. This module needs nothing
beyond the standard library; what serves the functions is loaded by their worker process only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

__all__ = ["Audio", "Caller", "Context", "Image", "ToolError", "tool"]

MARK = "__toolgate_tool__"
"""The attribute by which a decorated function is found."""

F = TypeVar("F", bound=Callable[..., Any])

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@dataclass(frozen=True)
class Offer:
    """What the decorator says of a function. What is None is left to the function itself: its name, its docstring."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


class ToolError(Exception):
    """Its message is shown to the model. Of any other exception the model sees the type only."""


@dataclass(frozen=True)
class Image:
    """A picture as the answer of a tool."""

    data: bytes
    mime_type: str = "image/png"


@dataclass(frozen=True)
class Audio:
    """A sound as the answer of a tool."""

    data: bytes
    mime_type: str = "audio/wav"


@dataclass(frozen=True)
class Caller:
    """Who calls, as far as it is certain; None where it is not. `id` is the key's (`key:NAME`), `name` its name, or its
    user where somebody owns it. `owner` is `user:NAME` or `service:NAME`; `team` is set where there is exactly one."""

    id: str | None = None
    name: str | None = None
    owner: str | None = None
    user: str | None = None
    team: str | None = None
    teams: tuple[str, ...] = ()
    cost_center: str | None = None


class Context:
    """What a function knows of the call that it answers. A parameter of this type is filled in by the gateway: it is in
    no schema, and no model can set it. In a test, `Context(Caller(user="ada"))` takes its place."""

    def __init__(self, caller: Caller | None = None) -> None:
        self.caller = caller or Caller()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any longer. A function that takes long looks now and then."""
        return False

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tells whoever waits how far it is, if they asked to be told."""

    def log(self, message: str, level: Level = "info") -> None:
        """A message to whoever calls, if they asked for messages of this level."""


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
) -> F | Callable[[F], F]:
    """Offers a function as a tool, with or without brackets. The function itself is given back as it was.

    `read_only`, `destructive`, `idempotent` and `open_world` are the hints of MCP: grants and clients go by them, and
    what is read-only or idempotent is done again where a worker broke under it.
    """
    if function is not None and not callable(function):
        raise TypeError("@tool is given its name as @tool(name=...)")
    offer = Offer(name, title, description, read_only, destructive, idempotent, open_world)

    def mark(marked: F) -> F:
        setattr(marked, MARK, offer)
        return marked

    return mark if function is None else mark(function)
