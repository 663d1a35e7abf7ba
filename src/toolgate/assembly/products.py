"""Trying a server out whose secrets are not stored yet."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from toolgate.assembly.line import Line
from toolgate.assembly.servers import ServerOpener
from toolgate.control.catalog import Opened
from toolgate.control.gathered import gather
from toolgate.model.call import Envelope, Era, Notification, Outbound
from toolgate.model.catalog import Discovery
from toolgate.model.declared import Declared
from toolgate.model.entities import Server, ServerState
from toolgate.model.errors import NoWayBack, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.model.snapshot import Target
from toolgate.ports import Secrets
from toolgate.protocol import jsonrpc
from toolgate.protocol.versions import MODERN
from toolgate.rules import references
from toolgate.rules.directory import Directory

TRIAL_S = 20.0
"""Seconds that a trial may take altogether: somebody waits for it."""


async def trial(line: Line, server: Server, given: Mapping[str, str], test: str | None, private: bool) -> Discovery:
    """See `control.products.Trial`."""
    served = msgspec.structs.replace(server, state=ServerState.LIVE)
    (spec,) = gather(Directory((served,), Declared()), line.clock.now()).declared.servers
    toolbox = msgspec.structs.replace(line.toolbox, secrets=_Beside(given, line.toolbox.secrets))
    opening = ServerOpener(toolbox, line.seals.state)
    try:
        async with asyncio.timeout(TRIAL_S), opening(msgspec.structs.replace(spec, private=private)) as opened:
            found = await opened.discovered()
            if test is not None:
                await _call(opened, test)
            return found
    except TimeoutError:
        raise UpstreamFailed(f"it did not answer within {TRIAL_S:g} s", reached=False) from None


class _Beside(Secrets):
    """Secrets that are about to be stored, before those that are."""

    def __init__(self, given: Mapping[str, str], others: Secrets) -> None:
        self._given = given
        self._others = others

    def resolve(self, reference: str, /) -> str:
        parsed = references.find(reference)
        if parsed is not None and parsed.source == "store" and not parsed.scheme and parsed.name in self._given:
            return self._given[parsed.name]
        return self._others.resolve(reference)


async def _call(opened: Opened, test: str) -> None:
    """Calls a harmless tool. Raises UpstreamFailed where it fails."""
    name = opened.spec.name
    target = Target(name, 0, name, None, "", "", opened.run, TRIAL_S)
    params = {"name": jsonrpc.encode_raw(test), "arguments": msgspec.Raw(b"{}")}
    deadline = time.perf_counter() + TRIAL_S
    out = Outbound("trial", "tools/call", params, Envelope(Era.MODERN, MODERN), target, Grant("all"), deadline)
    result = await opened.upstream.call(out, _Nobody())
    if result.is_error:
        raise UpstreamFailed(_told(result.body) or f"{test} failed")


def _told(body: bytes) -> str:
    """The words of a failed tool, on one line."""
    content: list[dict[str, Any]] = msgspec.json.decode(body).get("content", [])
    return " ".join(" ".join(str(part.get("text", "")).split()) for part in content)[:500]


class _Nobody:
    """Who asks for a trial: hears nothing, and cannot be asked back."""

    def notify(self, notification: Notification, /) -> None:
        """A trial is about the answer only."""

    async def ask(self, method: str, params: bytes, /) -> bytes:
        raise NoWayBack(f"{method}: a server that is tried out cannot ask anybody")
