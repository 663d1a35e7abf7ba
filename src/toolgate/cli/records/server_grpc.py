"""`toolgate server add NAME --grpc HOST:PORT --rpc GLOB`: chosen methods of a gRPC server as tools."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

Grpc = Annotated[
    str | None, typer.Option("--grpc", metavar="HOST:PORT", help="A gRPC server with reflection (extra `grpc`).")
]
Methods = Annotated[
    list[str] | None,
    typer.Option("--rpc", metavar="GLOB", help="Methods to offer, as shop.v1.Catalog/*; without it, it only looks."),
]
Plaintext = Annotated[bool, typer.Option("--plaintext", help="The gRPC server speaks without TLS.")]


def kind(
    grpc: str | None, methods: Sequence[str] | None, plaintext: bool, *, others: Sequence[str | None]
) -> dict[str, Any] | None:
    """Kind and settings; None where no gRPC server was named. `others` name a server of another kind. Raises
    typer.BadParameter."""
    if grpc is None:
        if methods or plaintext:
            raise typer.BadParameter("--rpc and --plaintext are for a server that --grpc names")
        return None
    if any(one is not None for one in others):
        raise typer.BadParameter("--grpc names the server: give no other URL or program beside it")
    settings: dict[str, Any] = {"target": grpc, "methods": list(methods or ())}
    return {"kind": "grpc", "settings": {**settings, "tls": False} if plaintext else settings}


def only_looks(service: dict[str, Any] | None, given: Sequence[str] | None) -> bool:
    """Whether nothing was chosen: then what there is, is told, and nothing is registered."""
    return service is not None and not service["settings"]["methods"] and not given
