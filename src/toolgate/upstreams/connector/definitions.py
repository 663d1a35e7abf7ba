"""A connector's tools as MCP knows them."""

import base64
from typing import Any

from toolgate import __version__
from toolgate.model.catalog import Offer, OfferKind
from toolgate.protocol import jsonrpc
from toolgate.upstreams.connector import arguments
from toolgate.upstreams.connector.format import Connector, Tool

SCOPES = "toolgate/scopes"
"""The member of a tool's `_meta` that says what the credential must be allowed."""


def definition(connector: Connector, tool: Tool) -> dict[str, Any]:
    hints = tool.hints
    made: dict[str, Any] = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": arguments.schema(connector.params(tool), connector.paging(tool)),
        "annotations": {
            "title": tool.title,
            "readOnlyHint": hints.read_only,
            "destructiveHint": hints.destructive,
            "idempotentHint": hints.read_only or hints.idempotent,
            "openWorldHint": True,
        },
    }
    return {**made, "_meta": {SCOPES: list(tool.scopes)}} if tool.scopes else made


def offer(connector: Connector, tool: Tool) -> Offer:
    made = definition(connector, tool)
    return Offer(OfferKind.TOOL, tool.name, {key: jsonrpc.encode_raw(value) for key, value in made.items()})


def server_info(connector: Connector, icon: bytes) -> bytes:
    """With the icon in it, an SVG, so that nobody fetches one from elsewhere."""
    encoded = base64.b64encode(icon).decode()
    shown = {"src": f"data:image/svg+xml;base64,{encoded}", "mimeType": "image/svg+xml", "sizes": ["any"]}
    return jsonrpc.encode({"name": connector.id, "title": connector.title, "version": __version__, "icons": [shown]})
