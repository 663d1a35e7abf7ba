"""`toolgate server add NAME --openapi FILE|URL`: a document and a choice become a connector, which is shown with its
size, written as a file that can be edited, and registered whole."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import msgspec
import typer

from toolgate import extensions
from toolgate.cli.output import count, say
from toolgate.cli.records import openapi_choosing as choosing
from toolgate.cli.records.openapi_fetching import Source, fetched
from toolgate.cli.records.openapi_options import Importing
from toolgate.control.openapi import making, yaml_text
from toolgate.control.openapi.document import Operation
from toolgate.control.openapi.making import Imported, Plan
from toolgate.control.openapi.nodes import mapping, sequence
from toolgate.model.errors import ConfigError
from toolgate.rules import endpoints, references
from toolgate.rules.exposure import is_loopback
from toolgate.rules.names import meant
from toolgate.rules.redaction import printable

FILE = "connector.yaml"
MOST_TOKENS = 8000
"""Tokens of schemas that one connector may have; the engine refuses more."""

MOST_SEARCHED_BYTES = 2 * 1024 * 1024
"""Bytes, as JSON, of a connector in search mode."""

_LEFT = {1: "descriptions are shortened", 2: "those of arguments too", 3: "arguments have none"}
_MOST_LEFT_OUT = 15
_CONNECTOR = "toolgate.upstreams.connector"


class Prepared(msgspec.Struct, frozen=True):
    """What is registered, and the file that is written then."""

    name: str
    values: dict[str, Any]
    file: Path | None
    text: str

    def save(self) -> None:
        """The connector as a file, beside the record that holds all of it."""
        if self.file is not None:
            save(self.file, self.text)
            say(
                printable(
                    f"written: {self.file}; edit it, then `toolgate server reimport {self.name} --file {self.file}`"
                )
            )


def prepared(name: str, options: Importing) -> Prepared:
    """Kind and settings for `server add`, after everything was shown. Raises ConfigError."""
    source = fetched(options.openapi or "")
    file = Path(options.write) / name / FILE if options.write else None
    if file is not None and file.exists():
        raise ConfigError((
            f"{file}: is there already, and is left as it is: `toolgate server reimport {name}` compares, --write puts "
            "it elsewhere",
        ))  # fmt: skip
    choosing.require_choice(source.document, options)
    base_url, private = base(source, options)
    operations, asked = choosing.operations(source.document, options)
    plan = Plan(name, source.shown, base_url, operations, search=options.search_mode, token=bool(options.credential))
    made = imported(source, plan)
    if options.no_auth:
        made.connector.pop("auth", None)
    settings = {"definition": made.connector, **_credentials(made.connector, options), **_variables(made, options)}
    if private or options.private:
        settings["private"] = True
    show(made, source, operations)
    judge(settings)
    if asked and not typer.confirm(f"Register {name}?", err=True, default=True):
        say("nothing was registered")
        raise typer.Exit
    return Prepared(
        name, {"kind": "connector", "settings": settings}, file, yaml_text.text(made.connector, source.shown)
    )


def imported(source: Source, plan: Plan) -> Imported:
    """The connector. Where its words are too many, some are left out, and that is said; where that does not help, a
    ConfigError says what does."""
    made = making.imported(source.document, plan)
    if not made.connector["tools"]:
        reasons = [f"{key}: {reason}" for key, reason in list(made.left_out.items())[:5]]
        raise ConfigError(("nothing that is chosen can be a tool", *reasons))
    for thrift in (1, 2, 3):
        if not too_large(made.connector):
            return made
        made = making.imported(source.document, msgspec.structs.replace(plan, thrift=thrift))
        made = msgspec.structs.replace(made, remarks=(*made.remarks, f"its words are too many: {_LEFT[thrift]}"))
    if too_large(made.connector) and plan.search:
        raise ConfigError(
            (f"{count(len(made.connector['tools']), 'operation')} are more than one server holds: choose fewer",)
        )
    if too_large(made.connector):
        size = sum(tokens(made.connector).values())
        raise ConfigError((
            f"the schemas of {count(len(made.connector['tools']), 'tool')} have about {size} tokens, at most "
            f"{MOST_TOKENS}: choose fewer, make two servers of them, or give --search-mode",
        ))  # fmt: skip
    return made


def too_large(connector: Mapping[str, Any]) -> bool:
    """Whether the engine would refuse it: for the tokens of its schemas, or in search mode for its bytes."""
    if connector.get("mode") == "search":
        return len(msgspec.json.encode(connector)) > MOST_SEARCHED_BYTES
    return sum(tokens(connector).values()) > MOST_TOKENS


def tokens(connector: Mapping[str, Any]) -> dict[str, int]:
    """About how many tokens of every conversation each tool takes, by name: four bytes of its definition make one."""
    reading = importlib.import_module(f"{_CONNECTOR}.reading")
    definitions = importlib.import_module(f"{_CONNECTOR}.definitions")
    plain = msgspec.json.decode(msgspec.json.encode({**connector, "mode": "tools"}))
    whole, found = reading.judged({**plain, "mode": "search"}, None)
    if whole is None:
        raise ConfigError(tuple(f"{reading.field_of(place)}: {reason}" for place, reason in found[:20]))
    return {tool.name: len(msgspec.json.encode(definitions.definition(whole, tool))) // 4 for tool in whole.tools}


def base(source: Source, options: Importing) -> tuple[str, bool]:
    """Where the API is, and whether that is in the own network. A document only suggests: an address that it names
    counts where it is the origin that the document was fetched from, or where `--base-url` says it."""
    suggested = [urljoin(source.url, url) if source.url else url for url in source.document.servers()]
    if options.base_url is None and source.url and not suggested:
        suggested = [urljoin(source.url, "/")]
    given = options.base_url
    if given is None:
        same = [url for url in suggested if source.url and _origin(url) == _origin(source.url) != ""]
        if not same:
            good = next((url for url in suggested if endpoints.is_remote(url)), "")
            hint = f": the document suggests {good[:200]}" if good else ", and the document does not say"
            raise ConfigError((printable(f"--base-url is missing: where the API is is yours to say{hint}"),))
        given = same[0]
    try:
        origin, path = endpoints.split(given)
    except ValueError as flaw:
        raise ConfigError((f"--base-url: {flaw}",)) from None
    host = urlsplit(origin).hostname or ""
    if "?" in path or "#" in given:
        raise ConfigError(("--base-url: has a query or a fragment, which no base has",))
    if origin.startswith("http://") and not is_loopback(host):
        raise ConfigError((f"--base-url: {host} is asked over https; http is for this machine alone",))
    return f"{origin}{path.rstrip('/')}", is_loopback(host)


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def _credentials(connector: Mapping[str, Any], options: Importing) -> dict[str, Any]:
    """The settings that show who asks. Raises ConfigError where the API wants a credential and none is given."""
    ways = {str(way["id"]): mapping(way) for way in sequence(connector.get("auth"))}
    if not ways:
        if options.auth is not None or options.credential:
            raise ConfigError(("--credential: the connector signs in nowhere: leave out --no-auth",))
        return {}
    if options.auth is not None and options.auth not in ways:
        raise ConfigError((f"--auth {options.auth[:60]}: must be one of {', '.join(ways)}{meant(options.auth, ways)}",))
    way = ways[options.auth] if options.auth is not None else next(iter(ways.values()))
    fields = {name: mapping(field) for name, field in mapping(way["fields"]).items()}
    given: dict[str, str] = {}
    for item in options.credential or ():
        name, equals, value = item.partition("=")
        if not equals and len(fields) == 1:
            name, value = next(iter(fields)), item
        if name not in fields:
            raise ConfigError((f"--credential: expected FIELD=REF with one of the fields {', '.join(fields)}",))
        parsed = references.find(value)
        flaw = "expected env:NAME, file:PATH or store:NAME" if parsed is None else references.flaw(parsed)
        if flaw is not None and fields[name].get("secret", True):
            raise ConfigError((f"--credential {name}: {flaw}",))
        given[name] = value
    missing = [
        f"--credential {name}=REF is missing: {fields[name].get('help')}" for name in fields if name not in given
    ]
    if missing:
        others = f"; other ways: --auth {', '.join(one for one in ways if one != way['id'])}" if len(ways) > 1 else ""
        say(printable(f"it signs in by {way['title']} ({way['id']}){others}; --no-auth where it needs none"))
        raise ConfigError(tuple(printable(line) for line in missing))
    chosen = {"auth": options.auth} if options.auth is not None else {}
    if set(given) == {"token"}:
        return {**chosen, "token": given["token"]}
    return {**chosen, "credentials": given}


def _variables(made: Imported, options: Importing) -> dict[str, Any]:
    """The settings of what only an administrator knows. Raises ConfigError for what is missing."""
    wanted = mapping(made.connector.get("variables"))
    given: dict[str, str] = {}
    for item in options.variable or ():
        name, _, value = item.partition("=")
        given[name] = value
    unknown = [name for name in given if name not in wanted]
    if unknown:
        raise ConfigError((f"--variable {unknown[0][:40]}: there is none of this name{meant(unknown[0], wanted)}",))
    missing = [
        f"--variable {name}=VALUE is missing: {mapping(one).get('help')}"
        for name, one in wanted.items()
        if name not in given
    ]
    if missing:
        raise ConfigError(tuple(printable(line) for line in missing))
    return {"variables": given} if given else {}


def show(made: Imported, source: Source, operations: Sequence[Operation]) -> None:
    """The tools and their size, what is left out and why, and what else somebody should know."""
    sizes = tokens(made.connector)
    tools = cast("list[dict[str, Any]]", made.connector["tools"])
    searched = made.connector.get("mode") == "search"
    width = max(len(name) for name in sizes)
    say(printable(f"{source.shown}: {count(len(operations), 'operation')} chosen"))
    for tool in tools if not searched else tools[:20]:
        request = mapping(tool["request"])
        does = "reads" if tool["hints"]["read_only"] else "destroys" if tool["hints"]["destructive"] else "writes"
        line = f"  {tool['name']:<{width}}  {does:<8}  {sizes[tool['name']]:>5}  {request['method']} {request['path']}"
        say(printable(line))
    if searched:
        say(f"search mode: 2 tools over {count(len(tools), 'operation')}, about 500 tokens of every conversation")
    else:
        say(f"{count(len(tools), 'tool')}, about {sum(sizes.values())} tokens of every conversation")
    for key, reason in list(made.left_out.items())[:_MOST_LEFT_OUT]:
        say(printable(f"left out: {key}: {reason}"))
    if len(made.left_out) > _MOST_LEFT_OUT:
        say(f"left out: {len(made.left_out) - _MOST_LEFT_OUT} more")
    for remark in made.remarks:
        say(printable(f"note: {remark}"))


def judge(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError for what no connector may be, before anything is asked or written."""
    found = extensions.kinds().validate("connector", dict(settings))
    if found:
        raise ConfigError(tuple(f"{path}: {reason}" for path, reason in found))


def save(file: Path, text: str) -> None:
    """Raises ConfigError where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError((f"{file}: cannot be written ({error.strerror})",)) from None
