"""MCP without I/O: frames, tables, translations; pure functions on values."""
