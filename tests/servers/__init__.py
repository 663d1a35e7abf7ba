"""Servers that tests put behind Toolgate. The scripts import their siblings by plain names."""
