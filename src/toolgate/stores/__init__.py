"""State behind ports: one file per kind."""
