"""Requests that may be sent again: what was done for them is remembered in the same transaction, so that whichever
process is asked again, before or after a restart, does it once."""

from collections.abc import Callable
from typing import Any

import msgspec

from toolgate.model.errors import ToolgateError
from toolgate.model.remembered import Remembered
from toolgate.ports import Transaction


class Repeat(msgspec.Struct, frozen=True):
    """`key` is the requester's own, `digest` that of all that was asked; `answer` makes a text of what was done, which
    must hold no secret."""

    key: str
    digest: str
    answer: Callable[[Any], str]


class Repeated(ToolgateError):
    """It was done before. `remembered` says for which request, and what was answered."""

    def __init__(self, remembered: Remembered) -> None:
        super().__init__("this was asked before, under the same idempotency key")
        self.remembered = remembered


async def judge(transaction: Transaction, repeat: Repeat | None) -> None:
    """Raises Repeated."""
    known = None if repeat is None else await transaction.recall(repeat.key)
    if known is not None:
        raise Repeated(known)


async def keep(transaction: Transaction, repeat: Repeat | None, done: Any) -> None:
    if repeat is not None:
        await transaction.remember(repeat.key, Remembered(repeat.digest, repeat.answer(done)))
