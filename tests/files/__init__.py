"""The kind `filesystem`: what it does, and what it must never do."""
