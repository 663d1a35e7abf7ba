"""What the ids in a result stand for: asked of the product, kept for a while, and put beside them.

What is kept belongs to one server, and so to one credential. Nothing fails for want of a name: an id then stands alone.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from toolgate.ports import Clock
from toolgate.rules import patterns
from toolgate.rules.redaction import printable
from toolgate.upstreams.connector import templates
from toolgate.upstreams.connector.format import LookedUp, Lookup, Tool

SECONDS = 5.0
"""The longest that a result waits for what its ids stand for."""

_AGAIN = 60.0
"""Seconds after which an id that could not be looked up is asked for again."""

_NONE_WORKS = 3
"""So many of one result, and none could be looked up: then nothing is asked for that long, for any result."""

_LONGEST = 100
_MARKUP = str.maketrans("", "", "<>|")

ID = "id"
"""The name of a lookup's one argument."""

Ask = Callable[[Lookup, str, float], Awaitable[Any]]
"""A lookup, an id, and the deadline in seconds of `time.perf_counter`, to what the id stands for, or None."""


class Kept(msgspec.Struct):
    """What one lookup knows. `texts` holds what an id stands for, and until when, as `Clock.monotonic`."""

    texts: dict[str, tuple[str | None, float]]
    rest_until: float = 0.0


class Lookups:
    """Those of one server."""

    def __init__(self, lookups: Mapping[str, Lookup], ask: Ask, clock: Clock) -> None:
        self._lookups = lookups
        self._ask = ask
        self._clock = clock
        self._kept = {name: Kept({}) for name in lookups}

    async def put(self, tool: Tool, found: Any, deadline: float, *, apart: bool = False) -> Any:
        """What a tool found, with what its ids stand for. Large things are gone through `apart`, in a thread."""
        for name, where in tool.lookups.items():
            lookup = self._lookups[name]
            ids: dict[str, None] = {}
            await _done(apart, _collect, found, lookup, where, ids)
            known = await self._known(name, lookup, ids, deadline) if ids else {}
            found = await _done(apart, _put, found, lookup, where, known) if known else found
        return found

    async def _known(self, name: str, lookup: Lookup, ids: Collection[str], deadline: float) -> dict[str, str]:
        kept, now = self._kept[name], self._clock.monotonic()
        missing = [one for one in ids if one not in kept.texts or kept.texts[one][1] <= now]
        asked = missing[: lookup.most] if kept.rest_until <= now else []
        until = min(deadline, time.perf_counter() + SECONDS)
        answers = await asyncio.gather(*(self._ask(lookup, one, until) for one in asked))
        for one, text in zip(asked, answers, strict=True):
            kept.texts.pop(one, None)
            while len(kept.texts) >= lookup.keep:
                del kept.texts[next(iter(kept.texts))]
            told = shown(text)
            kept.texts[one] = (told, now + (_AGAIN if told is None else lookup.seconds))
        texts = {one: kept.texts[one][0] for one in ids if one in kept.texts}
        if len(asked) >= _NONE_WORKS and all(texts.get(one) is None for one in asked):
            kept.rest_until = now + _AGAIN
        return {one: text for one, text in texts.items() if text is not None}


def shown(text: Any) -> str | None:
    """As it may stand in a result: one short line, and no markup of the text around it. People choose their names."""
    if not isinstance(text, str):
        return None
    return printable(" ".join(text.translate(_MARKUP).split()))[:_LONGEST].strip() or None


async def _done(apart: bool, part: Callable[..., Any], *given: Any) -> Any:
    return await asyncio.to_thread(part, *given) if apart else part(*given)


def _collect(value: Any, lookup: Lookup, where: LookedUp, ids: dict[str, None]) -> None:
    """The ids of a value, in the order in which they stand there."""
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            _collect(item, lookup, where, ids)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if not isinstance(item, str):
                _collect(item, lookup, where, ids)
            elif key in where.members:
                if cast("dict[str, Any]", value).get(where.members[key]):
                    continue
                ids.update(dict.fromkeys([item] if _is_id(lookup, item) else ()))
            elif key in where.texts:
                ids.update(dict.fromkeys(one for one in _marked(lookup.marked).findall(item) if _is_id(lookup, one)))


def _put(value: Any, lookup: Lookup, where: LookedUp, known: Mapping[str, str]) -> Any:
    """A copy with what is known. What stands there already stays."""
    if isinstance(value, list):
        return [_put(item, lookup, where, known) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        if key in where.texts and isinstance(item, str):
            made[key] = _marked(lookup.marked).sub(lambda match: _told(lookup, match, known), item)
        else:
            made[key] = _put(item, lookup, where, known)
    for member, name in where.members.items():
        text = known.get(made[member]) if isinstance(made.get(member), str) else None
        if text is not None and not made.get(name):
            made[name] = text
    return made


def _told(lookup: Lookup, match: re.Match[str], known: Mapping[str, str]) -> str:
    text = known.get(match[1])
    return match[0] if text is None else templates.render(lookup.told, {"id": match[1], "name": text})


def _is_id(lookup: Lookup, text: str) -> bool:
    return patterns.searches(f"^(?:{lookup.id.pattern})$")(text)


@lru_cache(maxsize=256)
def _marked(template: str) -> re.Pattern[str]:
    """Finds ids as they are marked within a text, as `<@{id}>`."""
    before, _, after = template.partition("{id}")
    return re.compile(f"{re.escape(before)}([A-Za-z0-9._:-]{{1,100}}){re.escape(after)}")
