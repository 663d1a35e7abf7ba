"""Promises of Python functions; a part of `tests.promises.PROMISES`."""

FUNCTIONS: dict[str, tuple[str, str]] = {
    "functions.schemas": (
        "docs/how-to/python-file.md",
        "What a function takes is what its schema says; what has none is an error that names function and parameter.",
    ),
    "functions.light": (
        "docs/how-to/python-file.md",
        "A file with tools is imported and tested with nothing but the standard library.",
    ),
    "functions.caller": (
        "docs/how-to/python-file.md",
        "A function knows who calls as far as it is certain; it is in no schema, and no model can set it.",
    ),
    "functions.host": (
        "docs/how-to/python-file.md",
        "Code is run for holders of `server:host` only, also when a server is merely tried out.",
    ),
    "functions.isolated": (
        "docs/how-to/python-file.md",
        "A crash ends the calls in its worker only; what blocks or leaks costs a worker, and no other call its answer.",
    ),
    "functions.silent": (
        "docs/how-to/python-file.md",
        "A function's exception shows the model a type and a reference; no value of a call or secret is in the log.",
    ),
    "functions.reload": (
        "docs/how-to/python-file.md",
        "Edited code is in force while calls of the former end; code that does not load changes nothing, and is told.",
    ),
    "functions.last-good": (
        "docs/how-to/python-file.md",
        "While changed code does not load, a worker that ends is replaced by one of the former code; health says so.",
    ),
    "functions.no-orphans": (
        "docs/how-to/python-file.md",
        "No worker, and nothing that it started, outlives the gateway, however it ends.",
    ),
}
