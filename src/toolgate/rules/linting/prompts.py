"""Lints of one prompt: can a person choose it, and fill it in."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from toolgate.rules.linting import Lint, Severity


def lint(name: str, prompt: Mapping[str, Any]) -> Iterator[Lint]:
    """`prompt` is the definition as the server gave it."""
    if not str(prompt.get("description") or "").strip():
        yield Lint(Severity.NOTE, "prompt-description", name, "description", "is missing: people choose prompts by it")
    arguments: Any = prompt.get("arguments", [])
    if not isinstance(arguments, list):
        yield Lint(Severity.ERROR, "prompt-arguments", name, "arguments", "must be a list")
        return
    for place, argument in enumerate(cast("list[Any]", arguments)):
        described = cast("dict[str, Any]", argument) if isinstance(argument, dict) else dict[str, Any]()
        if not str(described.get("description") or "").strip():
            path = f"arguments[{place}]"
            yield Lint(
                Severity.NOTE, "argument-description", name, path, "has no description: clients show it as a label"
            )
