"""`toolgate server add NAME --grpc HOST:PORT --method GLOB`: chosen methods of a gRPC server as tools."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from toolgate.cli.records import server_graphql
from toolgate.cli.records.openapi_options import Importing

Grpc = Annotated[
    str | None, typer.Option("--grpc", metavar="HOST:PORT", help="A gRPC server with reflection (extra `grpc`).")
]
Plaintext = Annotated[bool, typer.Option("--plaintext", help="The gRPC server speaks without TLS.")]


def taken(
    grpc: str | None,
    plaintext: bool,
    imported: Importing,
    headers: Sequence[str] | None,
    *,
    others: Sequence[str | None],
) -> tuple[dict[str, Any] | None, Importing]:
    """Kind and settings, None where no gRPC server was named; and the other options, without `--method`, which chooses
    among the methods of either. `others` name a server of another kind. Raises typer.BadParameter."""
    if grpc is None:
        if plaintext:
            raise typer.BadParameter("--plaintext is for a server that --grpc names")
        return None, imported
    if any(one is not None for one in others):
        raise typer.BadParameter("--grpc names the server: give no other URL or program beside it")
    settings: dict[str, Any] = {"target": grpc, "methods": list(imported.method or ())}
    settings |= {"tls": False} if plaintext else {}
    if headers:
        settings["metadata"] = {name.lower(): text for name, text in server_graphql.headers(headers).items()}
    return {"kind": "grpc", "settings": settings}, msgspec.structs.replace(imported, method=None)


def only_looks(service: dict[str, Any] | None, given: Sequence[str] | None) -> bool:
    """Whether nothing was chosen: then what there is, is told, and nothing is registered."""
    return service is not None and not service["settings"]["methods"] and not given
