"""Which operations: as the options say, or as somebody at the terminal says. Where neither does, what there is is
shown, and nothing is chosen."""

import sys
from collections.abc import Sequence

import typer

from toolgate.cli.exit_codes import USAGE
from toolgate.cli.output import count, say
from toolgate.cli.records.openapi_options import Importing
from toolgate.control.openapi import selection
from toolgate.control.openapi.document import Document, Operation
from toolgate.control.openapi.selection import MANY, MOST, Choice, by_tag, chosen, starters
from toolgate.model.errors import ConfigError
from toolgate.rules.redaction import printable

_MOST_TAGS = 40
_HELP = "numbers or names of tags; `suggested`, `reads` or `all`; words to search for, after /"


def at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def choice_of(options: Importing) -> Choice:
    """What the options choose."""
    return Choice(
        tags=tuple(options.tag or ()),
        paths=tuple(options.path or ()),
        methods=tuple(options.method or ()),
        search=options.search,
        operations=tuple(options.operation or ()),
        reads=options.all_reads,
        everything=options.all_operations,
    )


def says_nothing(options: Importing) -> bool:
    """Whether the options choose nothing."""
    return choice_of(options).is_empty and not options.suggested


def require_choice(document: Document, options: Importing) -> None:
    """Ends the command (2) where nothing is chosen and nobody is there to be asked, after showing what there is."""
    if says_nothing(options) and not at_terminal():
        overview(document)
        say("nothing is chosen by itself: say --tag, --path, --method, --search, --operation, --suggested,")
        say("--all-reads or --all, and --search-mode for more than a few; nothing was registered")
        raise typer.Exit(USAGE)


def operations(document: Document, options: Importing) -> tuple[tuple[Operation, ...], bool]:
    """What is chosen, and whether it was asked for here. Ends the command (2) where nothing is, or too much."""
    require_choice(document, options)
    asked = says_nothing(options)
    if asked:
        overview(document)
        found = _asked(document)
    else:
        found = _said(document, options)
    judge(len(found), search=options.search_mode)
    return found, asked


def _said(document: Document, options: Importing) -> tuple[Operation, ...]:
    found = {one.key for one in (starters(document) if options.suggested else ())}
    choice = choice_of(options)
    if not choice.is_empty:
        found |= {one.key for one in chosen(document, choice)}
    return tuple(one for one in document.operations if one.key in found)


def judge(number: int, *, search: bool) -> None:
    """Raises ConfigError for more than can be offered as tools."""
    if number == 0:
        raise ConfigError(("nothing is chosen",))
    if search:
        return
    if number > MOST:
        raise ConfigError((
            f"{number} operations are chosen, at most {MOST} become tools: choose fewer, or give --search-mode, which "
            "makes two tools that find and call them",
        ))  # fmt: skip
    if number > MANY:
        say(f"warning: {number} tools: models choose badly among more than {MANY}; choose fewer, or --search-mode")


def overview(document: Document) -> None:
    """What there is: the tags, with how many operations each has and how many of them only read."""
    title = str(document.info.get("title") or "This API")
    known = by_tag(document)
    say(printable(f"{title[:100]}: {count(len(document.operations), 'operation')} in OpenAPI {document.version}"))
    width = min(40, max(len(tag) for tag in known))
    for number, (tag, found) in enumerate(known.items(), 1):
        if number > _MOST_TAGS:
            say(f"  and {len(known) - _MOST_TAGS} more tags")
            break
        reads = sum(one.method == "GET" for one in found)
        say(printable(f"  {number:>3}  {tag[:60]:<{width}}  {len(found):>4}, {reads} read"))
    say(printable(f"suggested to begin with: {_some(starters(document))}"))


def _some(found: Sequence[Operation]) -> str:
    if not found:
        return "nothing; no GET is described"
    more = f" and {len(found) - 6} more" if len(found) > 6 else ""
    return f"{', '.join(one.id for one in found[:6])}{more} (--suggested)"


def _asked(document: Document) -> tuple[Operation, ...]:
    """Asks until something is chosen and taken."""
    while True:
        answer: str = typer.prompt(f"Which? {_HELP}", err=True, default="suggested")
        try:
            found = meant(document, answer)
        except ConfigError as error:
            say("; ".join(error.findings))
            continue
        for one in found[:50]:
            say(printable(f"  {one.method:<6} {one.path}  {one.summary[:80]}"))
        if len(found) > 50:
            say(f"  and {len(found) - 50} more")
        if found and typer.confirm(f"Take {count(len(found), 'operation')}?", err=True, default=True):
            return found


def meant(document: Document, answer: str) -> tuple[Operation, ...]:
    """What somebody typed. Raises ConfigError for what names nothing."""
    said = answer.strip()
    if said.startswith("/"):
        return chosen(document, Choice(search=said[1:].strip() or "/"))
    if said.lower() in ("suggested", ""):
        return starters(document)
    if said.lower() in ("reads", "all"):
        return chosen(document, Choice(reads=said.lower() == "reads", everything=said.lower() == "all"))
    tags = list(selection.by_tag(document))
    parts = [part.strip() for part in said.split(",") if part.strip()]
    if len(parts) == 1 and all(word.isdigit() for word in said.split()):
        parts = said.split()
    named = [tags[int(part) - 1] if part.isdigit() and 0 < int(part) <= len(tags) else part for part in parts]
    return chosen(document, Choice(tags=tuple(named)))
