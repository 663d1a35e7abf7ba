"""The questions that servers put to a client of the handshake era, whatever carries them, and the client's answers."""

import asyncio
import itertools
import os
from collections.abc import Callable

import msgspec

from toolgate.model.errors import Limited, NoWayBack, UpstreamError
from toolgate.protocol import jsonrpc
from toolgate.protocol.handshake import Negotiated
from toolgate.protocol.jsonrpc import Message

MOST_QUESTIONS = 32

_START = os.urandom(4).hex()
_NUMBERS = itertools.count(1)
"""Named once per process, not per session: one that was forgotten and met again must not repeat a name, to which a late
answer may still come."""

NEEDS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
"""What a server may ask, and the client capability without which it may not."""


class Questions:
    """Those that are open in one session."""

    def __init__(self, negotiated: Negotiated) -> None:
        self._negotiated = negotiated
        self._asked: dict[bytes, asyncio.Future[bytes]] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    async def ask(self, send: Callable[[bytes], None], method: str, params: bytes) -> bytes:
        """Sends a request and waits for its result. Raises NoWayBack, Limited, or what the client answered."""
        need = NEEDS.get(method)
        if need is None or need not in jsonrpc.fields(self._negotiated.capabilities, "capabilities"):
            raise NoWayBack(f"this client does not take {method}")
        if len(self._asked) >= MOST_QUESTIONS:
            raise Limited(f"{MOST_QUESTIONS} questions are waiting for this client already")
        question = f"tg-{_START}{next(_NUMBERS):x}"
        key = jsonrpc.encode(question)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            send(jsonrpc.request(question, method, params))
            return await answer
        finally:
            del self._asked[key]

    def answered(self, message: Message) -> None:
        """A response of the client's; one that nobody waits for is dropped."""
        answer = self._asked.get(bytes(message.id)) if isinstance(message.id, msgspec.Raw) else None
        if answer is None or answer.done():
            return
        if isinstance(message.result, msgspec.Raw):
            answer.set_result(bytes(message.result))
        elif isinstance(message.error, msgspec.Raw):
            error = jsonrpc.error_of(message.error)
            answer.set_exception(UpstreamError(error.code, error.message))

    def end(self) -> None:
        """Nobody will answer any more."""
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(NoWayBack("the session was ended"))
