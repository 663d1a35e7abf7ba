"""Towards clients: HTTP, stdio, health."""
