"""What open servers offer, as digests that can be compared with what was accepted: made once per discovery."""

from collections.abc import Mapping

from toolgate.control.slices import others
from toolgate.model.catalog import Discovery
from toolgate.rules.drift import digests

_AT_ONCE = 50
"""Definitions that are digested before others get their turn on the loop."""


async def digested(discovery: Discovery) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, (name, digest) in enumerate(digests(discovery), 1):
        found[name] = digest
        if place % _AT_ONCE == 0:
            await others()
    return found


class Offered:
    """Remembers the latest of each server."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Discovery, Mapping[str, str]]] = {}

    async def of(self, name: str, discovery: Discovery) -> Mapping[str, str]:
        known = self._known.get(name)
        if known is not None and known[0] is discovery:
            return known[1]
        found = await digested(discovery)
        self._known[name] = discovery, found
        return found

    def forget(self, others_than: Mapping[str, Discovery]) -> None:
        """Servers that are there no more."""
        self._known = {name: known for name, known in self._known.items() if name in others_than}
