"""What Toolgate costs per call, beside a plain reverse proxy and another MCP proxy, in one interleaved run."""
