"""Where call records go: one file per kind."""
