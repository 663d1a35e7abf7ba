"""Frozen values that every floor shares; no behaviour beyond their own shape."""
