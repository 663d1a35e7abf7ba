"""RFC 6570 templates read backwards: does a URI come from this template?

Templates are written by servers and URIs by callers, and neither is trusted: a URI is read once, character by
character, with all places of the template where the reading may be held as the bits of one number. A regular expression
would try them one after the other: the time for a template of many expressions would grow with the power of their
number.
"""

import re

LONGEST_URI = 2048
"""Characters; a longer URI comes from no template."""

LONGEST_TEMPLATE = 1024
"""Characters; a longer template matches nothing."""

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_ENDS_SEGMENT = "/?#"
_SPECIAL = "/?#"

_Item = tuple[str, bool, bool]
"""One place: (characters, is a run, may be passed over). Of a run, the characters are those that end it; else there is
just one, which must be there. What may be passed over reaches two places further."""


class Pattern:
    """What a template's expansions look like. Reserved (`+`, `#`) expressions may span segments, others may not."""

    def __init__(self, template: str) -> None:
        items = _items(template) if len(template) <= LONGEST_TEMPLATE else None
        self._never = items is None
        items = items or []
        self._prefix = _literal_prefix(items)
        self._end = 1 << len(items)
        self._literals: dict[str, int] = {}
        self._skips = self._optional = self._runs = 0
        self._closing = dict.fromkeys(_SPECIAL, 0)
        for place, (characters, run, optional) in enumerate(items):
            bit = 1 << place
            if run:
                self._runs |= bit
                for character in characters:
                    self._closing[character] |= bit
            else:
                self._literals[characters] = self._literals.get(characters, 0) | bit
                self._optional |= bit if optional else 0

    def fullmatch(self, uri: str) -> bool | None:
        """True when the whole URI comes from the template, else None."""
        if self._never or len(uri) > LONGEST_URI or not uri.startswith(self._prefix):
            return None
        places = self._reached(1 << len(self._prefix))
        literals, runs, closing = self._literals, self._runs, self._closing
        for character in uri[len(self._prefix) :]:
            stays = places & runs & ~closing.get(character, 0)
            places = self._reached((places & literals.get(character, 0)) << 1 | stays)
            if not places:
                return None
        return True if places & self._end else None

    def _reached(self, places: int) -> int:
        """With those places that are reached without reading anything: a run may be empty, an optional part absent."""
        while True:
            more = places | (places & self._runs) << 1 | (places & self._optional) << 2
            if more == places:
                return places
            places = more


def pattern(template: str) -> Pattern:
    """See `Pattern`; made once for each template."""
    return Pattern(template)


def _items(template: str) -> list[_Item]:
    items: list[_Item] = []
    position = 0
    for match in _EXPRESSION.finditer(template):
        items += _literal(template[position : match.start()])
        items += _expression(match[1], exploded="*" in match[2] or "," in match[2])
        position = match.end()
    return items + _literal(template[position:])


def _literal(text: str) -> list[_Item]:
    return [(character, False, False) for character in text]


def _expression(operator: str, *, exploded: bool) -> list[_Item]:
    if operator == "+":
        return [("", True, False)]
    if operator == "#":
        return [("#", False, True), ("", True, False)]
    if operator in ("?", "&"):
        return [(operator, False, True), ("#", True, False)]
    if operator == "/":
        return [("/", False, True), ("?#" if exploded else _ENDS_SEGMENT, True, False)]
    if operator in (".", ";"):
        return [(operator, False, True), (_ENDS_SEGMENT, True, False)]
    return [(_ENDS_SEGMENT, True, False)]


def _literal_prefix(items: list[_Item]) -> str:
    prefix: list[str] = []
    for characters, run, optional in items:
        if run or optional:
            break
        prefix.append(characters)
    return "".join(prefix)
