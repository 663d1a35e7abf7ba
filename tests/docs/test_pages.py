"""Every command, program and configuration in README and docs/ does what its page says."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.docs.pages import ROOT, Block, blocks, complaint, pages
from tests.docs.stories import Story
from tests.promises import PROMISES

CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s#]*)(#(?P<anchor>[^)]*))?\)")
FENCED = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)


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


def anchors(text: str) -> set[str]:
    """What a link may name in a page: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ +(.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    found: list[str] = []
    for match in LINK.finditer(text):
        target = page if not match["target"] else page.parent / match["target"]
        if re.match(r"[a-z]+:", match["target"]):
            continue
        if not target.exists() or (match["anchor"] and match["anchor"] not in anchors(target.read_text("utf-8"))):
            found.append(match[0])
    return found


def test_links_between_pages_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {link}" for page in pages() for link in broken_links(page, page.read_text("utf-8"))
    ]
    assert not broken, "\n".join(broken)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# One `thing`, said\n\n```text\n# no heading\n```\n", "utf-8")
    good = "[a](page.md) [b](#one-thing-said) [c](page.md#one-thing-said) [d](https://example.org/#x)"
    assert broken_links(page, good) == []
    bad = "[a](other.md) [b](#no-heading) [c](page.md#two)"
    assert broken_links(page, bad) == ["[a](other.md)", "[b](#no-heading)", "[c](page.md#two)"]


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


def test_every_page_that_promises_something_exists():
    """A promise whose source is a file of ours: tests/promises.py."""
    lost = [
        f"{name}: {promise.source}"
        for name, promise in PROMISES.items()
        if re.fullmatch(r"[\w./-]+\.(md|toml|py)", promise.source) and not (ROOT / promise.source).is_file()
    ]
    assert lost == []
