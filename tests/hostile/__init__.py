"""Hostile input from both sides: the raw wire, clients that lie, servers that lie."""
