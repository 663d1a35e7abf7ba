"""Toolgate: an MCP gateway and control plane."""

__version__ = "0.1.0"
