"""FastMCP's own proxy in front of one MCP server: `python fastmcp_proxy.py UPSTREAM_URL PORT default|shared`.

`default` gives the proxy the URL: it then opens a client, and with it a TLS context and a connection, for each request.
`shared` gives it one connected client, which all callers share; FastMCP warns that their contexts may mix.
"""

import asyncio
import sys

from fastmcp import Client, FastMCP
from fastmcp.server import create_proxy


async def _serve(proxy: FastMCP, port: int) -> None:
    """Serves at http://127.0.0.1:PORT/mcp; only the logging is turned down, the rest are FastMCP's defaults."""
    await proxy.run_http_async(
        transport="http",
        host="127.0.0.1",
        port=port,
        path="/mcp",
        show_banner=False,
        log_level="warning",
        uvicorn_config={"access_log": False},
    )


async def main() -> None:
    """Serves until it is told to stop."""
    upstream, port, sharing = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if sharing == "shared":
        async with Client(upstream) as client:
            await _serve(create_proxy(client, name="bench"), port)
    else:
        await _serve(create_proxy(upstream, name="bench"), port)


if __name__ == "__main__":
    asyncio.run(main())
