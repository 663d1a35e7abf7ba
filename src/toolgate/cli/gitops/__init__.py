"""Records kept in files: what applying them would do, done, and written out again."""
