"""The options of `toolgate server add --openapi` and `server reimport`, as one value: two commands take them, and
neither lists them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
import typer

R = TypeVar("R")
_PANEL = "With --openapi"


def _option(*names: str, said: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=said, metavar=metavar, rich_help_panel=_PANEL)


class Importing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be imported, and which of it."""

    openapi: Annotated[
        str | None, _option("--openapi", metavar="FILE|URL", said="An OpenAPI or Swagger document of an API.")
    ] = None
    tag: Annotated[list[str] | None, _option("--tag", metavar="TAG", said="Operations of a tag; again for more.")] = (
        None
    )
    path: Annotated[list[str] | None, _option("--path", metavar="GLOB", said="Paths, as '/pets*'; again for more.")] = (
        None
    )
    method: Annotated[
        list[str] | None, _option("--method", metavar="GET", said="This method; with --grpc, as 'shop.v1.Catalog/*'.")
    ] = None
    search: Annotated[
        str, _option("--search", metavar="WORDS", said="Operations whose id, path or summary has them.")
    ] = ""
    operation: Annotated[
        list[str] | None, _option("--operation", metavar="ID", said="One by its id, or as 'GET /pets'; again.")
    ] = None
    all_reads: Annotated[bool, _option("--all-reads", said="Every GET.")] = False
    all_operations: Annotated[bool, _option("--all", said="Every operation.")] = False
    suggested: Annotated[bool, _option("--suggested", said="A small set to begin with, which only reads.")] = False
    search_mode: Annotated[
        bool, _option("--search-mode", said="Two tools over all that is chosen: one finds, one calls.")
    ] = False
    base_url: Annotated[str | None, _option("--base-url", metavar="URL", said="Where the API is.")] = None
    credential: Annotated[
        list[str] | None, _option("--credential", metavar="[FIELD=]REF", said="env:NAME, file:PATH or store:NAME.")
    ] = None
    auth: Annotated[
        str | None, _option("--auth", metavar="ID", said="The way to sign in, where there are several.")
    ] = None
    no_auth: Annotated[bool, _option("--no-auth", said="Sign in nowhere, whatever the document says.")] = False
    variable: Annotated[list[str] | None, _option("--variable", metavar="NAME=VALUE", said="Such as a version.")] = None
    private: Annotated[bool, _option("--private", said="The API may be in your own network.")] = False
    write: Annotated[
        str, _option("--write", metavar="FOLDER", said="Where the connector's folder is written; empty for nowhere.")
    ] = "connectors"

    @property
    def is_empty(self) -> bool:
        return self == Importing()


def taking(kind: type[msgspec.Struct]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """A command whose parameter of this kind is made of options, one for each field. A parameter of the command's own
    that has the name of a field is both, so that one option (`--method`) may serve two kinds of servers."""

    def decorated(command: Callable[..., R]) -> Callable[..., R]:
        hints = get_type_hints(command, include_extras=True)
        own = [one.replace(annotation=hints[name]) for name, one in inspect.signature(command).parameters.items()]
        whole = next(one.name for one in own if one.annotation is kind)
        options = get_type_hints(kind, include_extras=True)
        more = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=options[field.name]
            )
            for field in msgspec.structs.fields(kind)
            if field.name not in [one.name for one in own]
        ]
        names = [field.name for field in msgspec.structs.fields(kind)]
        alone = {one.name for one in more}

        @wraps(command)
        def run(**given: Any) -> R:
            values = {name: given.pop(name) if name in alone else given[name] for name in names}
            return command(**given, **{whole: kind(**values)})

        shown = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own if one.name != whole]
        signature = inspect.Signature([*shown, *more], return_annotation=None)
        run.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue] # how a callable says it
        run.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        return run

    return decorated
