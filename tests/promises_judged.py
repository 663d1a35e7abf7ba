"""Promises of calls that depend on what is in them; a part of `tests.promises.PROMISES`."""

JUDGED: dict[str, tuple[str, str]] = {
    "policy.conditions.untold": (
        "docs/explanation/administration.md",
        "Where an argument is not of the kind that a condition tests, an allow does not count and a deny does.",
    ),
    "policy.conditions.spelled": (
        "docs/explanation/security.md",
        "A parameter, or an argument that a condition is about, in other small and capital letters is refused.",
    ),
}
