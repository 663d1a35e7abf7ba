"""The server whose tools change while `benchmarks.publishing` measures: a hundred of them, and `grow` for one more."""

from typing import Any

from mcp.server.mcpserver import Context, MCPServer

TOOLS = 100


def build() -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer("growing")

    def add(name: str) -> None:
        def tool(query: str, limit: int = 10) -> str:
            return f"{query} {limit}"

        server.add_tool(tool, name=name, description="Looks something up, as its name says.")

    for number in range(TOOLS):
        add(f"echo_{number}")

    @server.tool()
    async def grow(name: str, context: Context[Any, Any]) -> str:
        """One tool more."""
        add(name)
        await context.session.send_tool_list_changed()
        return name

    del grow
    return server


if __name__ == "__main__":
    build().run("stdio")
