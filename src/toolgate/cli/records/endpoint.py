"""`toolgate server add-endpoint`: one endpoint of an API as a server with one tool, from its URL or a curl command."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from toolgate import extensions
from toolgate.admin.told import Attempt
from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records import fields
from toolgate.cli.records.commands import Name, Output, api, shown_conflicts
from toolgate.client.administration import Administration
from toolgate.control.endpoints import curl as curl_
from toolgate.control.endpoints import making, typed
from toolgate.control.endpoints.credentials import Found
from toolgate.control.endpoints.making import Made
from toolgate.control.endpoints.samples import Sample, Wishes
from toolgate.model.entities import Secret, Server, ServerState
from toolgate.model.errors import ConfigError, NotAllowed, NotFound, ToolgateError
from toolgate.rules import references
from toolgate.rules.redaction import printable

Tell = Callable[[str, Server | None, Attempt, Form], None]

_STDIN = "-"
_NAME = 40

Endpoint = Annotated[str | None, typer.Argument(help="Method and URL, as: 'GET https://api.example.com/items/{id}'.")]
Curl = Annotated[
    str | None,
    typer.Option("--curl", metavar="COMMAND", help="A curl command instead; `-` reads it from standard input."),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-p", metavar="NAME[:TYPE][!][=DEFAULT]", help="An argument, and words about it after a space."
    ),
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", metavar="TEXT", help="`Name: value`; a secret by reference.")
]
Credentials = Annotated[
    list[str] | None,
    typer.Option(
        "--credential", metavar="[FIELD=]REF", help="Where a secret is that a curl command held: env:NAME, ..."
    ),
]
Fixed = Annotated[
    list[str] | None, typer.Option("--fixed", metavar="NAME", help="A value that stays as it is in the curl command.")
]
Tool = Annotated[str | None, typer.Option("--tool", metavar="NAME", help="The name of the tool.")]
About = Annotated[str | None, typer.Option("--about", metavar="TEXT", help="What it does, for the model.")]
Result = Annotated[
    str | None, typer.Option("--result", metavar="JMESPATH", help="What of the answer is shown; all of it.")
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="It only reads, whatever its method says.")]
Write = Annotated[
    Path | None,
    typer.Option("--write", metavar="FOLDER", help="Write it to a folder of its name there, and register nothing."),
]
Given = Annotated[list[str] | None, typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Any field of the server.")]
Draft = Annotated[bool, typer.Option("--draft", help="Do not serve it yet.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the connector, and register nothing.")]


def add_endpoint(app: typer.Typer, tell: Tell) -> None:
    """The command; `tell` says what registering came to."""

    @app.command("add-endpoint")
    def add(  # noqa: PLR0913, PLR0917 - one parameter for each option
        name: Name,
        endpoint: Endpoint = None,
        curl: Curl = None,
        param: Params = None,
        header: Headers = None,
        credential: Credentials = None,
        fixed: Fixed = None,
        tool: Tool = None,
        about: About = None,
        result: Result = None,
        read_only: ReadOnly = False,
        write: Write = None,
        given: Given = None,
        draft: Draft = False,
        dry_run: DryRun = False,
        output: Output = Form.TABLE,
        data_dir: DataDirOption = None,
    ) -> None:
        """Registers one endpoint of an API as a server with one tool. What stands in braces in the URL are its
        arguments, and so are the parameters and the body of a curl command. Secrets do not come into the record."""
        parameters = tuple(typed.parameter(text) for text in param or ())
        wishes = Wishes(name, tool, about, result, read_only, parameters, tuple(fixed or ()))
        made = making.made(_sample(endpoint, curl, header or []), wishes)
        for remark in made.remarks:
            say(printable(f"note: {remark}"))
        if about is None:
            say("note: --about says what the tool does; models choose by it")
        wanted = _Wanted(name, made, _named(made.found, credential or []))
        _judge(wanted)
        _judge_placeholders(wanted)
        _warn(wanted, typed_in=curl not in (None, _STDIN) or bool(header))
        if dry_run or write is not None:
            _show(wanted, write, output)
            return
        extra = fields.read(Server, given or [])
        registered, attempt = run(_registered(wanted, extra, draft=draft, data_dir=data_dir))
        tell(name, registered, attempt, output)

    _ = add


class _Wanted(msgspec.Struct, frozen=True):
    """A server to be. `given` are the references that were asked for, by field."""

    name: str
    made: Made
    given: dict[str, str]

    def settings(self) -> dict[str, Any]:
        return making.settings(self.made, [(one.field, self.shown(one)) for one in self.made.found])

    def shown(self, one: Found) -> str:
        """How a part of the credential stands in the record."""
        if one.field in self.given:
            return self.given[one.field]
        return one.value if one.is_reference or not one.secret else f"store:{self.secret(one)}"

    def secret(self, one: Found) -> str:
        return f"{self.name}-{one.field.replace('_', '-')}"[:_NAME].rstrip("-")

    def to_store(self) -> list[Found]:
        return [one for one in self.made.found if one.secret and not one.is_reference and one.field not in self.given]


def _sample(endpoint: str | None, curl: str | None, headers: Sequence[str]) -> Sample:
    if (endpoint is None) == (curl is None):
        raise typer.BadParameter("give the endpoint, as 'GET https://api.example.com/items/{id}', or --curl")
    if endpoint is not None:
        return typed.sample(endpoint, headers)
    if headers:
        raise typer.BadParameter("--header is for an endpoint; a curl command has its own")
    return curl_.parse(_read() if curl == _STDIN else curl or "")


def _read() -> str:
    """The command from standard input: there it comes into no history and no list of processes."""
    if sys.stdin.isatty():
        say("paste the curl command, and end it with Ctrl-D on a line of its own:")
    try:
        return sys.stdin.buffer.read(curl_.MOST_CHARACTERS + 1).decode()
    except UnicodeDecodeError:
        raise ConfigError(("the curl command is no text in UTF-8",)) from None


def _named(found: Sequence[Found], credentials: Sequence[str]) -> dict[str, str]:
    """The references of `--credential`, by field. Raises ConfigError."""
    fields_ = [one.field for one in found if one.secret]
    named: dict[str, str] = {}
    for text in credentials:
        field, equals, reference = text.partition("=")
        if not equals and len(fields_) == 1:
            field, reference = fields_[0], text
        known = ", ".join(fields_) or "none"
        if field not in fields_:
            raise ConfigError((f"--credential: expected FIELD=REFERENCE with one of the fields {known}",))
        parsed = references.find(reference)
        flaw = "expected env:NAME, file:PATH or store:NAME" if parsed is None else references.flaw(parsed)
        if flaw is not None:
            raise ConfigError((f"--credential {field}: {flaw}",))
        named[field] = reference
    return named


def _judge(wanted: _Wanted) -> None:
    """Raises ConfigError for what no connector may be, before anything is asked or written."""
    found = extensions.kinds().validate("connector", wanted.settings())
    if found:
        raise ConfigError(tuple(f"{path}: {reason}" for path, reason in found))


def _judge_placeholders(wanted: _Wanted) -> None:
    """Raises ConfigError: what a page of documentation has in the place of a secret is not stored as one."""
    for one in wanted.to_store():
        if one.is_placeholder:
            step = f"put it there, or give it by reference: --credential {one.field}=env:NAME"
            raise ConfigError((f"{one.field}: the secret is left open, as documentation has it: {step}",))


def _show(wanted: _Wanted, write: Path | None, output: Form) -> None:
    if write is None:
        write_value(wanted.settings(), Form.JSON if output is Form.JSON else Form.YAML)
        for one in wanted.to_store():
            say(f"the secret {one.field} would be stored, and be named store:{wanted.secret(one)}")
        say("nothing was registered")
        return
    folder = _written(wanted, write / wanted.name)
    say(f"written: {folder}. In toolgate.yaml, serve it with")
    settings = {**wanted.settings(), "path": str(folder.absolute())}
    del settings["definition"]
    lines = yaml.safe_dump({"servers": {wanted.name: {"kind": "connector", **settings}}}, sort_keys=False)
    sys.stdout.write(lines)
    for one in wanted.to_store():
        say(f"the secret {one.field} is written nowhere: store it with `toolgate secret put {wanted.secret(one)}`")


def _written(wanted: _Wanted, folder: Path) -> Path:
    """The folder of the connector, which has its name. Raises ConfigError where something is there already."""
    file = folder / "connector.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            yaml.safe_dump(wanted.made.definition, stream, sort_keys=False, allow_unicode=True, width=100)
    except FileExistsError:
        raise ConfigError((f"{file}: is there already, and is left as it is",)) from None
    except OSError as error:
        raise ConfigError((f"{folder}: cannot be written: {error.strerror}",)) from None
    return folder


def _warn(wanted: _Wanted, *, typed_in: bool) -> None:
    if typed_in and any(one.secret and not one.is_reference for one in wanted.made.found):
        say(
            "warning: the command line held a secret: it stands in the history of your shell, and everybody on this "
            "machine could read it; make a new one, and give the command with `--curl -` next time"
        )


async def _registered(
    wanted: _Wanted, extra: dict[str, Any], *, draft: bool, data_dir: str | None
) -> tuple[Server, Attempt]:
    """Stores the secrets, then registers. Where that fails, the secrets are removed again."""
    values = {"name": wanted.name, "kind": "connector", "settings": wanted.settings(), **extra}
    value = fields.made(Server, values)
    state = ServerState.DRAFT if draft else value.state if "state" in values else None
    async with api(data_dir) as reached:
        stored: list[Secret] = []
        await _free(reached, wanted.name)
        try:
            for one in wanted.to_store():
                stored += [await _stored(reached, wanted, one)]
            async with shown_conflicts(value):
                registered = await reached.register(value, state=state)
        except (ToolgateError, typer.Exit):
            for secret in stored:
                await reached.remove(Secret, secret.name, version=secret.stamp.version)
            raise
    for secret in stored:
        say(f"the secret is sealed in the store: {wanted.name} names it as store:{secret.name}")
    return registered


async def _free(reached: Administration, name: str) -> None:
    """Raises ConfigError where there is such a server: nothing is stored for it then."""
    try:
        await reached.get(Server, name)
    except NotFound:
        return
    raise ConfigError((f"there is a server named {name!r} already",))


async def _stored(reached: Administration, wanted: _Wanted, one: Found) -> Secret:
    """Never in the place of one that is there."""
    name = wanted.secret(one)
    instead = f"give it by reference: --credential {one.field}=env:NAME"
    try:
        await reached.get(Secret, name)
    except NotFound:
        pass
    else:
        raise ConfigError((f"there is a secret {name} already: --credential {one.field}=store:{name} uses it",))
    try:
        return await reached.put_secret(name, one.value, description=f"What {wanted.name} shows its API")
    except NotAllowed as error:
        raise ConfigError((f"{error}", f"you may not store secrets here: {instead}")) from None
