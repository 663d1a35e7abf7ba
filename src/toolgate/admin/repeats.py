"""Idempotency keys: a creation that is sent again, because its answer was lost, is answered as the first time.

The answer is remembered in the store, in the transaction of the creation itself, for a day: whichever process is asked
again, creates nothing again. An answer that holds a key in clear is remembered in this process alone, for ten minutes;
what the store has of it is the conflict that the second creation is afterwards.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from toolgate.admin.exchange import Answer, Task
from toolgate.admin.problems import Wrong
from toolgate.control.repeating import Repeat, Repeated
from toolgate.model.remembered import Remembered
from toolgate.ports import Clock

HEADER = b"idempotency-key"
LONGEST = 255
CLEAR_KEPT_S = 600.0
MOST_CLEAR = 1024

_Name = tuple[str, str]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


class Repeats:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: WeakValueDictionary[_Name, asyncio.Lock] = WeakValueDictionary()
        self._clear: OrderedDict[_Name, tuple[float, Answer]] = OrderedDict()
        """Answers that hold a key, and when each is to be forgotten."""

    async def once(self, task: Task, does: Callable[[Task], Awaitable[Answer]], *, clear: bool) -> Answer:
        """What `does` answers, or what was answered to the same request before. Only what was done is remembered: after
        an error it may be tried again. Raises Wrong: 422 for a key that was used for another body, 400 for an unusable
        one, and what `does` raises."""
        key = _judged(task)
        digest = blake2b(task.asked.body, digest_size=32).hexdigest()
        name = (task.principal.id, key)

        def repeating(answered: Callable[[Any], Answer]) -> Repeat:
            return Repeat(key, digest, lambda done: _text(answered(done)))

        asked = msgspec.structs.replace(task.asked, repeating=repeating)
        turn = self._turns.setdefault(name, asyncio.Lock())
        async with turn:
            try:
                known = await task.uses.records.recall(task.principal, key)
                if known is not None:
                    return self._again(name, known, digest)
                answer = await does(msgspec.structs.replace(task, asked=asked))
            except Repeated as repeated:  # by another process, just now
                return self._again(name, repeated.remembered, digest)
            if clear:
                self._clear[name] = (self._clock.monotonic() + CLEAR_KEPT_S, answer)
                self._forget()
            return answer

    def _again(self, name: _Name, known: Remembered, digest: str) -> Answer:
        if known.digest != digest:
            raise Wrong(422, "This Idempotency-Key was used for another body.", (("", "choose another key"),))
        self._forget()
        clear = self._clear.get(name)
        return _answer(known.answer) if clear is None else clear[1]

    def _forget(self) -> None:
        now = self._clock.monotonic()
        while self._clear:
            until, _ = next(iter(self._clear.values()))
            if until > now and len(self._clear) <= MOST_CLEAR:
                return
            self._clear.popitem(last=False)


def _judged(task: Task) -> str:
    """The key as the store has it: the same one may be used for another kind of record."""
    key = task.asked.header(HEADER) or ""
    if HEADER in task.asked.repeated:
        raise Wrong(400, "Idempotency-Key is given twice.")
    if not key or len(key) > LONGEST or not key.isprintable():
        raise Wrong(400, f"Idempotency-Key must have 1 to {LONGEST} characters that can be printed.")
    return f"{task.asked.path} {key}"


def _text(answer: Answer) -> str:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
    return msgspec.json.encode(_Kept(answer.status, headers, answer.body.decode())).decode()


def _answer(text: str) -> Answer:
    kept = msgspec.json.decode(text, type=_Kept)
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers)
    return Answer(kept.status, kept.body.encode(), headers)
