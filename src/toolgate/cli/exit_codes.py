"""Exit codes beside 0. They are stable: scripts may rely on them."""

ERROR, USAGE, NOT_READY, DENIED = 1, 2, 3, 4
CHANGES = 2
"""Of `toolgate plan`, which says 1 for what is wrong: there is something to do."""

INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""
