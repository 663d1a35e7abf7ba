"""Which operations become tools. Nothing is chosen by saying nothing."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from toolgate.control.openapi.document import Document, Operation
from toolgate.control.openapi.naming import words
from toolgate.control.openapi.words import clean
from toolgate.model.errors import ConfigError
from toolgate.rules import globs
from toolgate.rules.names import meant

MANY, MOST = 40, 150
"""Tools from which on it is warned, and beyond which it is refused."""

UNTAGGED = "(untagged)"
_STARTERS = 20
_RARE = re.compile(r"(?:^|/)(?:admin|internal|debug|health|healthz|metrics|status|ping|version|openapi|swagger|docs)\b")


class Choice(msgspec.Struct, frozen=True):
    """What is asked for. Tags, paths and methods narrow each other; `search` finds words in id, path, summary and tags,
    and `operations` names some by id, or as `GET /path`, beside all others. `reads` is every GET."""

    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    search: str = ""
    operations: tuple[str, ...] = ()
    reads: bool = False
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        return self == Choice()


def chosen(document: Document, choice: Choice) -> tuple[Operation, ...]:
    """In the order of the document. Raises ConfigError for what names nothing."""
    known = document.operations
    by_id = {name: one for one in known for name in (one.key, one.id)}
    named: list[Operation] = []
    findings: list[str] = []
    for name in choice.operations:
        found = by_id.get(name) or next((one for one in known if one.id.lower() == name.lower()), None)
        if found is None:
            findings.append(f"--operation {name[:100]}: there is none of this id{meant(name, by_id)}")
        else:
            named.append(found)
    tags = {tag.lower(): tag for tag in by_tag(document)}
    findings += [
        f"--tag {tag[:100]}: no operation has it{meant(tag, tags.values())}"
        for tag in choice.tags
        if tag.lower() not in tags
    ]
    if findings:
        raise ConfigError(tuple(findings))
    keys = {one.key for one in named}
    narrows = msgspec.structs.replace(choice, operations=())
    rest = [] if narrows.is_empty else [one for one in known if _fits(one, narrows)]
    keys |= {one.key for one in rest}
    if not keys and not choice.is_empty:
        raise ConfigError(("nothing in the document is all that: leave out one of --tag, --path, --method, --search",))
    return tuple(one for one in known if one.key in keys)


def _fits(operation: Operation, choice: Choice) -> bool:
    tags = {tag.lower() for tag in operation.tags or (UNTAGGED,)}
    if choice.tags and not tags & {tag.lower() for tag in choice.tags}:
        return False
    if choice.paths and not any(globs.matches(glob, operation.path) for glob in choice.paths):
        return False
    if choice.methods and operation.method not in {method.upper() for method in choice.methods}:
        return False
    if choice.reads and operation.method != "GET":
        return False
    return all(word in _said(operation) for word in choice.search.lower().split())


def _said(operation: Operation) -> str:
    parts = (operation.id, operation.path, operation.summary, *operation.tags)
    return " ".join((*parts, *words(operation.id))).lower()


def by_tag(document: Document) -> Mapping[str, Sequence[Operation]]:
    """The operations of each tag, the largest first."""
    found: dict[str, list[Operation]] = {}
    for operation in document.operations:
        for tag in dict.fromkeys(operation.tags or (UNTAGGED,)):
            found.setdefault(tag, []).append(operation)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def starters(document: Document) -> tuple[Operation, ...]:
    """A set to begin with: what reads, is described, is not on its way out and has a short path, of the tags that most
    operations have."""
    ranks = {tag: place for place, tag in enumerate(by_tag(document))}
    fit = [
        one
        for one in document.operations
        if one.method == "GET" and not one.deprecated and len(clean(one.summary or one.description)) >= 8
        and one.path.count("{") <= 2 and not _RARE.search(one.path)
    ]  # fmt: skip

    def worth(one: Operation) -> tuple[int, int, int, str]:
        rank = min((ranks[tag] for tag in one.tags), default=len(ranks))
        return (one.path.count("/") + one.path.count("{"), rank, len(one.path), one.path)

    best = {one.key for one in sorted(fit, key=worth)[:_STARTERS]}
    return tuple(one for one in fit if one.key in best)
