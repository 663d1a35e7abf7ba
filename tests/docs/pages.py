"""The code blocks of a documentation page, and what their info strings ask for.

    ```bash run=start                      runs in the folder of the story `start`; python likewise
    ```bash serve=start until=/mcp         starts, must print a line with `/mcp`, and runs until the story ends
    ```yaml file=toolgate.yaml run=start   is written to that file of the story's folder, whatever the language
    ```yaml check                          `toolgate check` accepts it; may stand beside file= and run=
    ```text expect=start                   each line occurs, in this order, in what the step before it printed, where
                                           `...` stands for anything
    ```text said=start                     the same, of what the process served last prints sooner or later
    ```bash run=start exit=4               must end with this exit code instead of 0
    ```bash run=start needs=curl           wants a program that not every machine has
    ```bash ci                             each command is run by `.ci/run`

Port 8484 stands for a free port of the story's own, so that stories do not meet each other or a gateway that runs here;
9999 for another, on which a page's own server listens.
A block in `bash`, `python`, `yaml` or `toml` without one of these is an error, because nobody would notice when it
breaks. `json` is parsed. Other languages are illustrations, and may not hold commands: no `console`, no line that
begins with `$`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUST_RUN = {"bash", "sh", "shell", "zsh", "python", "py", "yaml", "yml", "toml"}
RUNNABLE = {"bash", "python"}
WORDS = {"run", "serve", "until", "file", "check", "expect", "said", "exit", "needs", "ci"}
FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, the words of its info string, its text without indentation."""

    page: str
    line: int
    language: str
    words: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def story(self) -> str | None:
        """The story that this block is a step of; a lone `check` is its own."""
        named = next((self.words[word] for word in ("run", "serve", "expect", "said") if self.words.get(word)), None)
        return named or (f"line {self.line}" if "check" in self.words else None)


def pages() -> list[Path]:
    """README, the changelog, and everything under docs/."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order. Raises ValueError for a fence that is never closed."""
    begun: tuple[int, str, str, str] | None = None
    kept: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if begun is None:
            if match:
                begun, kept = (number, match["indent"], match["fence"], match["info"].strip()), []
            continue
        first, indent, fence, info = begun
        if match and match["fence"].startswith(fence) and not match["info"].strip():
            language, *words = info.split() or [""]
            asked = {name: value for name, _, value in (word.partition("=") for word in words)}
            yield Block(page, first, language.lower(), asked, "\n".join(kept) + "\n")
            begun = None
        else:
            kept.append(line.removeprefix(indent))
    if begun is not None:
        raise ValueError(f"{page}:{begun[0]}: this block is never closed")


def _of_json(text: str) -> str | None:
    try:
        json.loads(text)
    except ValueError as problem:
        return f"is not JSON: {problem}"
    return None


def complaint(block: Block, ci: str) -> str | None:
    """Why this block may not stand as it is, or None. `ci` is the text of `.ci/run`."""
    unknown = set(block.words) - WORDS
    if unknown:
        return f"{', '.join(sorted(unknown))}: no such word in an info string; see tests/docs/pages.py"
    if "ci" in block.words:
        commands = [command.strip() for line in block.text.splitlines() for command in line.split("&&")]
        missing = [command for command in commands if command not in ci]
        return f".ci/run does not run: {missing}" if missing else None
    if block.story is not None:
        executes = ("run" in block.words and "file" not in block.words) or "serve" in block.words
        if executes and block.language not in RUNNABLE:
            return f"{block.language} cannot be run: it is {' or '.join(sorted(RUNNABLE))}, or it needs file=NAME"
        if "exit" in block.words and not block.words["exit"].isdigit():
            return "exit= needs the exit code"
        return "serve= needs until=TEXT" if "serve" in block.words and not block.words.get("until") else None
    if block.language in MUST_RUN:
        return f"{block.language} that no test runs: give it run=, serve=, file=, check or ci"
    if block.language in {"console", "shell-session"} or re.search(r"^\s*\$ ", block.text, re.MULTILINE):
        return "commands belong into a `bash` block that is run"
    return _of_json(block.text) if block.language == "json" else None
