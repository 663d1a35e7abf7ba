"""Which paths nobody gets at, and which nobody changes, whatever a root allows."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

from toolgate.upstreams.filesystem.globs import Rule, ignored, ignoring, matcher
from toolgate.upstreams.filesystem.places import Place, Root, compared
from toolgate.upstreams.filesystem.settings import OWN, Settings

_REMEMBERED = 16_384
"""Answers that are kept, of those asked last."""


class Protection:
    """`kept` are further places that are denied: by root alias, the names of what lies there."""

    def __init__(self, settings: Settings, kept: Sequence[tuple[Root, tuple[str, ...]]] = ()) -> None:
        self._denied = ignoring(_compared([*settings.denied, *OWN]))
        self._protected = ignoring(_compared(settings.protected))
        self._paths = tuple(_names_of(_compared([*settings.denied, *settings.protected])))
        self._types = None if settings.types is None else tuple(kind.casefold() for kind in settings.types)
        self._kept = [(root.alias, tuple(map(compared, names))) for root, names in kept]
        # The same directories are listed, and the same files read, again and again.
        self._denies = lru_cache(_REMEMBERED)(partial(_denied, self._denied))

    def denies(self, place: Place, directory: bool | None = None) -> bool:
        """Whether the place, or anything that it lies in, is denied. Where it is not known to be a directory, it is
        taken for both."""
        names = tuple(map(compared, place.names))
        if any(alias == place.root.alias and names[: len(kept)] == kept for alias, kept in self._kept):
            return True
        return _within(self._denied, names, directory)

    def denier(self, place: Place) -> Callable[[str, bool], bool]:
        """The same for what lies in a directory that is not denied, by name and whether it is a directory."""
        names = tuple(map(compared, place.names))
        prefix, known = "".join(f"{name}/" for name in names), self._denies
        kept = {kept[len(names)] for alias, kept in self._kept if alias == place.root.alias and kept[:-1] == names}

        def denies(name: str, directory: bool) -> bool:
            return known(prefix, name, directory) or (bool(kept) and compared(name) in kept)

        return denies

    def protects(self, place: Place) -> bool:
        """Whether the place, or anything that it lies in, may not be changed; or something that is denied lies in it,
        which moving would bring out."""
        names = tuple(map(compared, place.names))
        if any(alias == place.root.alias and kept[: len(names)] == names for alias, kept in self._kept):
            return True
        return _within(self._protected, names, None)

    def speaks_of_within(self, place: Place) -> bool:
        """Whether a rule that is about a path may be about something in this directory: under another name, the rule
        would not hold for it."""
        names = tuple(map(compared, place.names))
        return any(_leads_to(pattern, names) for pattern in self._paths)

    def wrong_type(self, name: str) -> bool:
        """Whether files of this name are of a type that is not served."""
        return self._types is not None and not name.casefold().endswith(self._types)

    @property
    def types(self) -> tuple[str, ...]:
        return self._types or ()


def _denied(rules: tuple[Rule, ...], prefix: str, name: str, directory: bool) -> bool:
    return ignored(rules, prefix + compared(name), directory) is True


def _compared(patterns: Sequence[str]) -> list[str]:
    return [unicodedata.normalize("NFKC", pattern).casefold() for pattern in patterns]


def _names_of(patterns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The names of each pattern that has several; one of a single name holds wherever that is moved to."""
    for pattern in patterns:
        names = tuple(name for name in pattern.strip(" \r\n").split("/") if name)
        if len(names) > 1 and not pattern.startswith(("#", "!")):
            yield names


def _leads_to(pattern: tuple[str, ...], names: tuple[str, ...], *, begun: bool = False) -> bool:
    """Whether the pattern goes on below these names, after at least one that it says itself."""
    if not names:
        return begun and bool(pattern)
    if not pattern:
        return False
    if pattern[0] == "**":
        return _leads_to(pattern[1:], names, begun=begun) or _leads_to(pattern, names[1:], begun=begun)
    return matcher(pattern[0])(names[0]) and _leads_to(pattern[1:], names[1:], begun=True)


def _within(rules: tuple[Rule, ...], names: tuple[str, ...], directory: bool | None) -> bool:
    for length in range(1, len(names) + 1):
        path = "/".join(names[:length])
        kinds = (True,) if length < len(names) else (True, False) if directory is None else (directory,)
        if any(ignored(rules, path, kind) for kind in kinds):
            return True
    return False
