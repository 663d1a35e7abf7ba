"""Promises of `import` and `connect`; a part of `tests.promises.PROMISES`."""

CLIENTS: dict[str, tuple[str, str]] = {
    "import.plan": (
        "docs/how-to/import-existing-servers.md",
        "What clients' files hold is imported as planned, merged, under names of ours, or left out with a reason.",
    ),
    "import.asks": (
        "docs/how-to/import-existing-servers.md",
        "Nothing is written, and no server started, before it was confirmed.",
    ),
    "import.secrets": (
        "docs/how-to/import-existing-servers.md",
        "Secrets of clients' files are moved to references, and are neither printed nor written anywhere else.",
    ),
    "import.keeps": (
        "docs/how-to/import-existing-servers.md",
        "What toolgate.yaml holds survives an import with its comments; what cannot be added to is refused.",
    ),
    "connect.files": (
        "docs/how-to/connect-a-client.md",
        "A client's file gets our entry, once, in the client's own form; all else in it survives byte for byte.",
    ),
    "connect.undo": (
        "docs/how-to/connect-a-client.md",
        "What connecting changed is brought back exactly; where others changed the file since, only our entry goes.",
    ),
    "connect.no-key": (
        "docs/how-to/connect-a-client.md",
        "The key is written into no client's file and onto no command line.",
    ),
}
