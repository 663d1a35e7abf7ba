"""An agent as a server: its skills are tools, and a call of one is a message to it."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Literal

import msgspec

from toolgate.model.call import Era, Notification, Outbound, Result
from toolgate.model.catalog import Change, ChangeKind, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import Fault, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS, METHOD_NOT_FOUND
from toolgate.protocol.relay import PROGRESS
from toolgate.protocol.versions import SERVED
from toolgate.upstreams.a2a import answers, events, tools
from toolgate.upstreams.a2a.agent import Agent, Reader
from toolgate.upstreams.a2a.answers import Bounds, Handed
from toolgate.upstreams.a2a.following import Followed
from toolgate.upstreams.a2a.handles import Handles, Held
from toolgate.upstreams.a2a.link import Broken
from toolgate.upstreams.a2a.requests import Said
from toolgate.upstreams.a2a.settings import Settings
from toolgate.upstreams.a2a.tools import CANCEL_TASK, GET_TASK
from toolgate.upstreams.a2a.trouble import AgentError, Trouble

logger = logging.getLogger(__name__)

CANCEL_SECONDS = 5.0
"""How long the agent may take to be told that a call was taken back."""

_RESERVE = 2.0
"""Seconds before its deadline at which a call gives back its task, at most a tenth of the whole."""

_PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds between two looks at a task, the last one for all that follow."""

_MOST_FAILURES = 4
"""Looks in a row that may fail."""

_UNSUPPORTED = (METHOD_NOT_FOUND, -32004)
_NO_SUCH_TASK = -32001

_HINTS = {
    _NO_SUCH_TASK: "the agent does not know this task (any more): begin anew, without `task`",
    -32002: "the task has ended already: see get_task",
    -32004: "the agent does not do this; to a task that has ended nothing can be said: begin anew with `context`",
    -32005: "the agent does not take this kind of input: leave `data` out, or say it in words",
    -32602: "check the arguments",
}
"""What to do about an error; codes of A2A 1.0 section 5.4 and of JSON-RPC."""


class A2aServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, spec: ServerSpec, settings: Settings, reader: Reader, handles: Handles) -> None:
        self._spec = spec
        self._settings = settings
        self._reader = reader
        self._handles = handles
        self._bounds = Bounds(settings.result_bytes, settings.file_bytes)
        self._announcements = Announcements()
        self._agent: Agent | None = None
        self._reading = asyncio.Lock()
        self._telling: set[asyncio.Task[None]] = set()

    async def discover(self, grant: Grant, /) -> Discovery:
        """Reads the card anew."""
        agent = self._agent = await self._reader.read(grant)
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        said = tools.instructions(agent.card)
        offers = tools.offers(agent.card, agent.tools)
        return Discovery(eras, SERVED, b'{"tools":{}}', tools.server_info(agent.card), said, offers)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        if out.method in ("server/discover", "ping"):
            await self._look(out.grant)
            return Result(b'{"resultType":"complete"}', Era.MODERN)
        if out.method != "tools/call":
            raise UpstreamError(METHOD_NOT_FOUND, f"an agent has no {out.method[:100]}")
        agent = await self._known(out.grant)
        name = jsonrpc.text(out.params.get("name")) or ""
        if name not in agent.tools and name not in (GET_TASK, CANCEL_TASK):
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        result = await self._answer(agent, name, out, caller)
        return msgspec.structs.replace(result, body=answers.scrubbed(result.body, out.grant))

    async def _answer(self, agent: Agent, name: str, out: Outbound, caller: Caller) -> Result:
        try:
            if name in agent.tools:
                return await self._message(agent, name, out, caller)
            return await (self._get(agent, out, caller) if name == GET_TASK else self._cancel(agent, out))
        except Trouble as trouble:
            return answers.refused(f"{name}: {trouble.message}")
        except AgentError as error:
            hint = _HINTS.get(error.code, "it is not the arguments: try again later")
            return answers.refused(f"{name}: the agent says: {error.message or 'error'} ({error.code}); {hint}")
        except events.NoEvent:
            raise UpstreamFailed(f"server {self._spec.name!r} answered with something that is not A2A") from None

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    async def close(self) -> None:
        self._announcements.end()
        if self._telling:
            await asyncio.wait(self._telling, timeout=CANCEL_SECONDS)
        await self._reader.close()

    async def _look(self, grant: Grant) -> None:
        """A probe: whether the card can be read. One that has changed is announced."""
        agent = await self._reader.read(grant)
        if self._agent is not None and agent.card != self._agent.card:
            self._announcements.announce(Change(ChangeKind.LISTS))

    async def _known(self, grant: Grant) -> Agent:
        async with self._reading:
            if self._agent is None:
                self._agent = await self._reader.read(grant)
            return self._agent

    # Messages --------------------------------------------------------------------------------------------------------

    async def _message(self, agent: Agent, name: str, out: Outbound, caller: Caller) -> Result:
        given = tools.arguments(out, tools.Message)
        if given.task is not None and given.context is not None:
            raise Trouble("give `task` to go on with a task, or `context` for a new one, and not both")
        held = None
        if given.task is not None:
            held = self._opened("task", given.task, out)
        elif given.context is not None:
            held = self._opened("context", given.context, out)
        said = Said(given.message, given.data, agent.tools[name].id, held)
        followed = Followed(held)
        try:
            async with asyncio.timeout(self._seconds(out)):
                await self._exchange(agent, said, followed, _Steps(out, caller), out.grant)
        except TimeoutError:
            if not followed.task:
                raise UpstreamFailed(f"server {self._spec.name!r}: the agent did not answer in time") from None
        except asyncio.CancelledError:
            if followed.task and not followed.is_settled:
                self._tell(agent, followed.task, out.grant)
            raise
        return self._result(followed, out)

    async def _exchange(self, agent: Agent, said: Said, followed: Followed, steps: "_Steps", grant: Grant) -> None:
        """Until the agent has nothing more to say. It is asked for a stream where it has some, else to answer at once:
        either way the task is known early, so that it can be handed over or canceled."""
        streams = bool(agent.card.capabilities.streaming)
        if not (streams and await self._streamed(agent, said, followed, steps, grant)):
            value = await agent.link.ask(agent.form.send, agent.form.message(said, blocking=False), grant)
            steps.take(followed, value)
        await self._polled(agent, followed, steps, grant)

    async def _streamed(self, agent: Agent, said: Said, followed: Followed, steps: "_Steps", grant: Grant) -> bool:
        """False where the agent has no streams, whatever its card says. A stream that breaks off leaves a task that can
        be asked for."""
        params = agent.form.message(said, blocking=True)
        try:
            async with aclosing(agent.link.stream(agent.form.stream, params, grant)) as stream:
                async for value in stream:
                    steps.take(followed, value)
                    if followed.is_settled:
                        return True
        except AgentError as error:
            if error.code in _UNSUPPORTED and not followed.steps:
                return False
            raise
        except Broken:
            if not followed.task:
                raise
        return True

    async def _polled(self, agent: Agent, followed: Followed, steps: "_Steps", grant: Grant) -> None:
        """Looks at the task until it is settled; whoever calls bounds how long. An agent that is busy or away for some
        looks leaves the task as it was: its handle must not be lost."""
        if not followed.task and not followed.is_settled:
            raise UpstreamFailed(f"server {self._spec.name!r}: the agent ended without an answer")
        pauses = itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))
        failures = 0
        while not followed.is_settled and failures < _MOST_FAILURES:
            await asyncio.sleep(next(pauses))
            params = agent.form.get_task(followed.task)
            try:
                steps.take(followed, await agent.link.ask(agent.form.get, params, grant, idempotent=True))
                failures = 0
            except (AgentError, Trouble, UpstreamFailed) as failure:
                if isinstance(failure, AgentError) and failure.code == _NO_SUCH_TASK:
                    raise
                failures += 1
                logger.info("server %s: a task could not be looked at: %s", self._spec.name, failure)

    # Tasks -----------------------------------------------------------------------------------------------------------

    async def _get(self, agent: Agent, out: Outbound, caller: Caller) -> Result:
        given = tools.arguments(out, tools.Get)
        followed, steps = Followed(self._opened("task", given.task, out)), _Steps(out, caller)
        params = agent.form.get_task(followed.task)
        steps.take(followed, await agent.link.ask(agent.form.get, params, out.grant, idempotent=True))
        if given.wait:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(given.wait, self._seconds(out))):
                    await self._polled(agent, followed, steps, out.grant)
        return self._result(followed, out)

    async def _cancel(self, agent: Agent, out: Outbound) -> Result:
        given = tools.arguments(out, tools.Cancel)
        followed = Followed(self._opened("task", given.task, out))
        value = await agent.link.ask(agent.form.cancel, agent.form.cancel_task(followed.task), out.grant)
        followed.take(events.event(value))
        return self._result(followed, out, asked_to_cancel=True)

    def _tell(self, agent: Agent, task: str, grant: Grant) -> None:
        """Tells the agent, after the call is gone, that nobody waits for this task."""
        telling = asyncio.create_task(self._canceled(agent, task, grant))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _canceled(self, agent: Agent, task: str, grant: Grant) -> None:
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await agent.link.ask(agent.form.cancel, agent.form.cancel_task(task), grant)
        except (AgentError, Trouble, Fault, TimeoutError) as error:
            logger.info("server %s: the agent could not be told that a call was taken back: %s", self._spec.name, error)

    # Handles ---------------------------------------------------------------------------------------------------------

    def _opened(self, kind: Literal["task", "context"], handle: str, out: Outbound) -> Held:
        """Raises Trouble for what is no handle of this caller's."""
        held = self._handles.opened(kind, handle, _caller(out))
        if held is None:
            raise Trouble(f"{kind}: is no handle that this agent gave you: use it as it was, or leave it out")
        return held

    def _result(self, followed: Followed, out: Outbound, *, asked_to_cancel: bool = False) -> Result:
        task = context = ""
        if followed.task:
            task = self._handles.task(Held(followed.task, followed.context), _caller(out))
        if followed.context and (not task or followed.state in events.ENDED):
            context = self._handles.context(followed.context, _caller(out))
        return answers.result(followed, Handed(task, context), self._bounds, asked_to_cancel=asked_to_cancel)

    def _seconds(self, out: Outbound) -> float:
        """How long a call may wait for the agent, so that there is time left to give back the task."""
        left = max(0.0, out.deadline - time.perf_counter())
        seconds = left - min(_RESERVE, left / 10)
        return seconds if self._settings.wait is None else min(seconds, self._settings.wait)


class _Steps:
    """What a caller hears while it waits: progress, if it asked for some."""

    def __init__(self, out: Outbound, caller: Caller) -> None:
        self._token = out.envelope.progress_token
        self._caller = caller
        self._grant = out.grant

    def take(self, followed: Followed, value: Any) -> None:
        """Adds what the agent told; the last word is the answer itself."""
        step = followed.take(events.event(value))
        if self._token is not None and not followed.is_settled:
            params = {"progressToken": self._token, "progress": followed.steps, "message": step}
            self._caller.notify(Notification(PROGRESS, answers.scrubbed(jsonrpc.encode(params), self._grant)))


def _caller(out: Outbound) -> str:
    return "" if out.principal is None else out.principal.id
