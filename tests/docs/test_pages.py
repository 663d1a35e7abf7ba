"""Every command, program and configuration in README and docs/ does what its page says."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.docs.pages import ROOT, Block, blocks, complaint, pages
from tests.docs.stories import Story

CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s#]+)(#[^)]*)?\)")


def all_blocks() -> list[Block]:
    return [
        block
        for page in pages()
        for block in blocks(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8"))
    ]


def stories() -> list[list[Block]]:
    """The steps of each story, by page and name, in the order of the page."""
    told: dict[tuple[str, str], list[Block]] = {}
    for block in all_blocks():
        if block.story is not None and "ci" not in block.words:
            told.setdefault((block.page, block.story), []).append(block)
    return list(told.values())


@pytest.mark.promise("docs.run")
def test_no_block_escapes_the_tests():
    found = [f"{block.place}: {problem}" for block in all_blocks() if (problem := complaint(block, CI))]
    assert not found, "\n".join(found)


@pytest.mark.promise("docs.run")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("steps", [pytest.param(steps, id=f"{steps[0].page} {steps[0].story}") for steps in stories()])
def test_story(steps: list[Block], tmp_path: Path):
    for program in {block.words["needs"] for block in steps if "needs" in block.words}:
        require(shutil.which(program), f"{program}, which {steps[0].page} uses (apt-get install {program})")
    with Story(tmp_path) as story:
        for block in steps:
            story.tell(block)


def test_links_between_pages_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {match['target']}"
        for page in pages()
        for match in LINK.finditer(page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", match["target"]) and not (page.parent / match["target"]).exists()
    ]
    assert not broken, "\n".join(broken)


def test_every_page_is_reached_from_the_index():
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        found = LINK.finditer(page.read_text(encoding="utf-8"))
        waiting += [(page.parent / match["target"]).resolve() for match in found]
    assert [page.name for page in sorted((ROOT / "docs").rglob("*.md")) if page not in reached] == []
