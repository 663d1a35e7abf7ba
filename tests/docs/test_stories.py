"""The mechanism that runs the documentation can fail, in each way in which a page can be wrong."""

from pathlib import Path

import pytest

from tests.docs.pages import blocks, complaint
from tests.docs.stories import Story

SERVER = "import time; print('up at http://x/mcp', flush=True); time.sleep(60)"


def tell(text: str, folder: Path) -> None:
    with Story(folder) as story:
        for block in blocks("page.md", text):
            assert complaint(block, "uv run pytest") is None
            story.tell(block)


def fenced(info: str, text: str) -> str:
    return f"Words.\n\n```{info}\n{text}\n```\n\n"


@pytest.mark.parametrize(
    ("info", "text", "expected"),
    [
        ("bash", "ls", "no test runs"),
        ("python", "print(1)", "no test runs"),
        ("yaml", "version: 1", "no test runs"),
        ("bash rum=a", "ls", "no such word"),
        ("yaml run=a", "version: 1", "cannot be run"),
        ("bash serve=a", "ls", "needs until"),
        ("bash run=a exit", "ls", "needs the exit code"),
        ("bash ci", "make it so", ".ci/run does not run"),
        ("console", "ls", "belong into"),
        ("text", "$ ls", "belong into"),
        ("json", "{,}", "is not JSON"),
    ],
)
def test_a_block_that_nobody_would_run_is_refused(info: str, text: str, expected: str):
    (block,) = blocks("page.md", fenced(info, text))
    assert expected in (complaint(block, "uv run pytest") or "")


def test_a_block_that_is_never_closed_is_refused():
    with pytest.raises(ValueError, match=r"page\.md:3: this block is never closed"):
        list(blocks("page.md", "Words.\n\n```bash run=a\nls\n"))


def test_a_story_writes_runs_serves_and_compares(tmp_path: Path):
    page = (
        fenced("python file=serve.py run=a", SERVER)
        + fenced("bash serve=a until=/mcp", "exec python serve.py")
        + fenced("text expect=a", "up at ...mcp")
        + "1. In a list:\n\n   ```bash run=a\n   ls\n   pwd\n   ```\n"
        + fenced("text expect=a", "serve.py")
        + fenced("text said=a", "up at http://x/...")
        + fenced("bash run=a exit=4", "exit 4")
        + fenced("python run=a", "print('a', 1)\nprint('b', 2)")
        + fenced("text expect=a", "a 1\nb ...")
        + fenced("json", '{"a": 1}')
        + fenced("bash ci", "uv run pytest")
    )
    with Story(tmp_path) as story:
        for block in blocks("page.md", page):
            assert complaint(block, "uv run pytest") is None
            if block.story:
                story.tell(block)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (fenced("bash run=a", "echo before; false; echo after"), "exit code 1:\nbefore"),
        (fenced("bash run=a", "false | true"), "exit code 1"),
        (fenced("bash run=a", 'echo "$NOT_SET_ANYWHERE"'), "NOT_SET_ANYWHERE"),
        (fenced("python run=a", "raise SystemExit(3)"), "exit code 3"),
        (fenced("bash run=a exit=4", "exit 3"), "exit code 3"),
        (fenced("bash run=a exit=4", "true"), "exit code 0"),
        (
            fenced("bash run=a", "echo a; echo b") + fenced("text expect=a", "b\na"),
            "not printed by the step before: 'a'",
        ),
        (fenced("bash serve=a until=ready", "echo no"), "ended without printing 'ready'"),
        (fenced("bash serve=a until=up", "echo up; echo b") + fenced("text said=a", "b\nup"), "without printing 'up'"),
        (fenced("text said=a", "up"), "nothing is served"),
    ],
)
def test_a_story_that_goes_wrong_fails(page: str, expected: str, tmp_path: Path):
    with pytest.raises(AssertionError) as problem:
        tell(page, tmp_path)
    assert expected in str(problem.value)


def test_the_usual_port_is_one_of_the_storys_own(tmp_path: Path):
    with Story(tmp_path / "one") as one, Story(tmp_path / "other") as other:
        for story, folder in ((one, tmp_path / "one"), (other, tmp_path / "other")):
            folder.mkdir()
            for block in blocks("page.md", fenced("bash run=a", 'echo "8484 $TOOLGATE_PORT 18484" > port')):
                story.tell(block)
    first, second = ((tmp_path / name / "port").read_text().split() for name in ("one", "other"))
    assert first[0] == first[1] != "8484"
    assert first[2] == "18484"
    assert second[0] == second[1] != first[0]
