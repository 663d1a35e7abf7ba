"""Agents that speak A2A as servers."""
