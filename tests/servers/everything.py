"""A server with everything the official conformance suite asks of a server, in both eras.

    python tests/servers/everything.py [--port N] [--json] [--stateless] [--stdio] [--sse]

Names and texts of tools, resources and prompts are those the suite's scenarios name in their descriptions.
"""

from __future__ import annotations

import everything_content
import everything_dialogue
from dual_era import DualEraServer
from event_store import MemoryEventStore
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import RequestStateSecurity
from serving import Transports, main

# At least 32 bytes; fixed, so that a state given out by one process is accepted by the next.
REQUEST_STATE_KEY = b"a key of the everything server, good for tests only"
RETRY_MILLISECONDS = 100
HINT = CacheHint(ttl_ms=1000, scope="public")


def build() -> DualEraServer:
    """The server with all tools, resources and prompts registered."""
    server = DualEraServer(
        "everything",
        title="Everything",
        instructions="A fixture: call any tool.",
        tools=[everything_content.schema_tool()],
        request_state_security=RequestStateSecurity(keys=[REQUEST_STATE_KEY]),
        cache_hints={
            "tools/list": HINT,
            "resources/list": HINT,
            "resources/templates/list": HINT,
            "resources/read": HINT,
            "prompts/list": HINT,
        },
    )
    everything_content.register_tools(server)
    everything_content.register_resources(server)
    everything_content.register_prompts(server)
    everything_dialogue.register_handshake_tools(server)
    everything_dialogue.register_input_required(server)
    return server


def transports() -> Transports:
    """The server on every transport, its streams resumable."""
    return build().transports(MemoryEventStore(), RETRY_MILLISECONDS)


if __name__ == "__main__":
    main(transports())
