"""Opens one declared server: its kind, its credentials, and the handler that its targets end in."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

from toolgate import extensions
from toolgate.control.catalog import DRAIN, Opened
from toolgate.control.kinds import convert_settings
from toolgate.credentials import static
from toolgate.model.declared import ServerSpec
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Target
from toolgate.pipeline.dispatch import Dispatch
from toolgate.ports import Toolbox
from toolgate.protocol.sealed import Seal

DISCOVERY = Principal("discovery", "discovery")
"""Who asks a server what it offers: nobody's session is used for it, unless all share one."""


class ServerOpener:
    """Called by the catalog for each server whose spec is new."""

    def __init__(self, toolbox: Toolbox, seal: Seal) -> None:
        self._toolbox = toolbox
        self._seal = seal

    def __call__(self, spec: ServerSpec) -> AbstractAsyncContextManager[Opened]:
        return self._open(spec)

    @asynccontextmanager
    async def _open(self, spec: ServerSpec) -> AsyncGenerator[Opened]:
        kind = extensions.upstream_kind(spec.kind)
        settings = convert_settings(kind.Settings, spec.settings)
        shown = static.Shown(spec.sharing or kind.SHARING, spec.headers)
        async with AsyncExitStack() as stack:
            credentials = await stack.enter_async_context(static.open(static.Config({spec.name: shown}), self._toolbox))
            upstream = await stack.enter_async_context(kind.open(spec, settings, self._toolbox))
            dispatch = Dispatch(upstream, credentials, self._seal)
            grant = await credentials.grant(DISCOVERY, _whole(spec, dispatch))
            try:
                yield Opened(spec, upstream, dispatch, grant)
            finally:
                await _drained(dispatch)


def _whole(spec: ServerSpec, dispatch: Dispatch) -> Target:
    """The server itself as a target, for what is asked of it as a whole."""
    return Target(spec.name, 0, spec.name, None, "", "", dispatch, spec.timeout)


async def _drained(dispatch: Dispatch) -> None:
    """Calls in flight may end before their server is closed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            await dispatch.idle()
