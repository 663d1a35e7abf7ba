"""The operations as tools, as MCP knows them."""

from typing import Any

import msgspec

from toolgate import __version__
from toolgate.model.catalog import Offer, OfferKind
from toolgate.protocol import jsonrpc
from toolgate.upstreams.connector import arguments
from toolgate.upstreams.connector.format import Hints
from toolgate.upstreams.graphql.operations import Prepared


def hints(tool: Prepared) -> Hints:
    """A query reads. A mutation may destroy, until somebody says that it does not."""
    said, reads = tool.declared.hints, tool.document.reads
    read_only = reads if said.read_only is None else said.read_only
    destructive = not read_only if said.destructive is None else said.destructive
    idempotent = read_only if said.idempotent is None else said.idempotent
    return Hints(read_only, destructive, idempotent)


def definition(tool: Prepared) -> dict[str, Any]:
    known = hints(tool)
    title = tool.declared.title or tool.name.replace("_", " ").capitalize()
    properties = {name: one.schema for name, one in tool.inputs.items()}
    if tool.pages is not None:
        properties |= arguments.schema({}, tool.pages.pagination)["properties"]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [name for name, one in tool.inputs.items() if one.param.required]
    said = tool.declared.description or tool.document.description or tool.described
    return {
        "name": tool.name,
        "title": title,
        "description": said
        or f"The {'query' if tool.document.reads else 'mutation'} {tool.document.name or tool.name}.",
        "inputSchema": {**schema, "required": required} if required else schema,
        "annotations": {
            "title": title,
            "readOnlyHint": known.read_only,
            "destructiveHint": known.destructive,
            "idempotentHint": known.idempotent,
            "openWorldHint": True,
        },
    }


def offer(tool: Prepared) -> Offer:
    made = definition(tool)
    return Offer(OfferKind.TOOL, tool.name, {key: jsonrpc.encode_raw(value) for key, value in made.items()})


def tokens(tool: Prepared) -> int:
    """About how much of every conversation the definition takes: four bytes make a token."""
    return -(-len(msgspec.json.encode(definition(tool))) // 4)


def server_info(name: str) -> bytes:
    return jsonrpc.encode({"name": name, "version": __version__})
