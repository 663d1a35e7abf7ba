"""Promises of the database server; a part of `tests.promises.PROMISES`."""

SQL: dict[str, tuple[str, str]] = {
    "sql.read-only": (
        "docs/reference/sql.md",
        "A free query changes nothing and reads nothing but what is shown, whatever it says, in any of the databases; "
        "nor with the parser taken out.",
    ),
    "sql.bounded": (
        "docs/reference/sql.md",
        "A statement ends within its limits of time, rows and bytes, and at the database when its call is taken back.",
    ),
    "sql.named": (
        "docs/how-to/databases.md",
        "Only named queries write, none worse than its declared effect; what is bound to the caller cannot be given.",
    ),
    "sql.veils": (
        "docs/reference/sql.md",
        "What is hidden, masked or filtered is so wherever it stands in a query.",
    ),
    "sql.role": (
        "docs/how-to/databases.md",
        "A role that may do more than data is not served unless that is said.",
    ),
    "sql.alone": (
        "docs/how-to/databases.md",
        "One command serves a database: over stdio, and over HTTP with a key; a password never stands in it.",
    ),
}
