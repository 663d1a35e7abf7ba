"""Who calls: one file per kind of credential."""
