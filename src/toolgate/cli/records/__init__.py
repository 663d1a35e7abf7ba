"""Commands that change records of a running gateway, through its API."""
