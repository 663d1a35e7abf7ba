"""A server that is another one when it comes back: one more tool, and other words, where `--changed` stands first.

python tests/servers/changing.py [--changed] [--port N] [--stdio]
"""

from __future__ import annotations

import sys

from dual_era import DualEraServer
from event_store import MemoryEventStore
from serving import main

CHANGED = "--changed"


def build(*, changed: bool) -> DualEraServer:
    """The server with its tools."""
    server = DualEraServer("changing", instructions="Ask for notes.")

    @server.tool(description="Says what was noted, and more." if changed else "Says what was noted.")
    def note(day: str) -> str:
        return f"noted on {day}"

    @server.prompt(description="Plans a day.")
    def plan(day: str) -> str:
        return f"Plan {day}."

    if changed:

        @server.tool(description="Forgets what was noted.")
        def forget(day: str) -> str:
            return f"forgotten: {day}"

    return server


if __name__ == "__main__":
    options = [option for option in sys.argv[1:] if option != CHANGED]
    main(build(changed=CHANGED in sys.argv).transports(MemoryEventStore()), options)
