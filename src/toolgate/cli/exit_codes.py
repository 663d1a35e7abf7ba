"""Exit codes beside 0. They are stable: scripts may rely on them."""

ERROR, USAGE, NOT_READY, DENIED = 1, 2, 3, 4
INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""
