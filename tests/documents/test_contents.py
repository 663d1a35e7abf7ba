"""The text of documents of every kind, compared with what was written into them."""

import os
import tempfile
from collections.abc import Callable

import msgspec
import pytest

from tests.documents import making
from toolgate.upstreams.filesystem.documents import reading
from toolgate.upstreams.filesystem.documents.job import Job, Outcome
from toolgate.upstreams.filesystem.documents.parts import Document

MIB = 1024 * 1024
JOB = Job("document", 1, None, MIB, 512 * MIB, 20)

_HTML = "<html><head><title>T</title><style>p {{color: red}}</style></head><body>{}</body></html>"
_CHAPTERS = {"b": _HTML.format("<h1>Second</h1><p>the end</p>"), "a": _HTML.format("<h1>First</h1><p>begin</p>")}


class Case(msgspec.Struct, frozen=True):
    """`shown` is what the parts must hold, by number; `hidden` what none may hold."""

    name: str
    make: Callable[[], bytes]
    format: str
    unit: str
    count: int
    shown: dict[int, tuple[str, ...]]
    hidden: tuple[str, ...] = ()


def html(body: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: _HTML.format(body).encode(encoding)


CASES = (
    Case("one.pdf", lambda: making.pdf(["The only page"]), "pdf", "page", 1, {1: ("The only page",)}),
    Case("lines.pdf", lambda: making.pdf(["above\nbelow"]), "pdf", "page", 1, {1: ("above", "below")}),
    Case(
        "twelve.pdf", lambda: making.pdf([f"Page {n} of the manual" for n in range(1, 13)]), "pdf", "page", 12,
        {n: (f"Page {n} of the manual",) for n in range(1, 13)},
    ),
    Case("plain.pdf", lambda: making.pdf(["not packed"], compressed=False), "pdf", "page", 1, {1: ("not packed",)}),
    Case("wide.pdf", making.wide_pdf, "pdf", "page", 1, {1: ("Landscape text",)}),
    Case(
        "drawn.pdf", lambda: making.pdf(["", "words"]), "pdf", "page", 2,
        {1: ("no text on this page",), 2: ("words",)},
    ),
    Case(
        "owned.pdf", lambda: making.pdf(["readable"], userPassword="", ownerPassword="boss"), "pdf", "page", 1,
        {1: ("readable",)},
    ),
    Case("latin.pdf", lambda: making.pdf(["Grüße, 25 °C"]), "pdf", "page", 1, {1: ("Grüße, 25 °C",)}),
    Case("no-name", lambda: making.pdf(["by its bytes"]), "pdf", "page", 1, {1: ("by its bytes",)}),
    Case("late.pdf", lambda: b"\n\n" + making.pdf(["after noise"]), "pdf", "page", 1, {1: ("after noise",)}),
    Case(
        "headings.docx", lambda: making.word(making.headings), "docx", "section", 1,
        {1: ("# Annual report", "## Revenue", "It grew by **12 percent**")},
    ),
    Case(
        "lists.docx", lambda: making.word(making.lists), "docx", "section", 1,
        {1: ("- apples\n- pears", "1. first step")},
    ),
    Case(
        "tables.docx", lambda: making.word(making.tables), "docx", "section", 1,
        {1: ("| Region | Sum |\n| --- | --- |\n| Zürich | 1 200 |",)},
    ),
    Case(
        "links.docx", lambda: making.word(making.links), "docx", "section", 1,
        {1: ("See [the terms](https://example.com/terms)",)},
    ),
    Case(
        "long.docx", lambda: making.word(making.long_text), "docx", "section", 4,
        {1: ("# Chapter 1", "Sentence 0 of chapter 1"), 4: ("# Chapter 4", "Sentence 59 of chapter 4")},
    ),
    Case("empty.docx", lambda: making.word(lambda document: None), "docx", "section", 1, {1: ("",)}),
    Case(
        "numbers.xlsx", lambda: making.sheets(making.numbers), "xlsx", "sheet", 1,
        {1: ("| item | count | price |\n| --- | --- | --- |\n| screws | 1200 | 0.1 |\n| nuts | 7 | 2.5 |",)},
    ),
    Case(
        "dates.xlsx", lambda: making.sheets(making.dates), "xlsx", "sheet", 1,
        {1: ("| 2026-03-01 | 2026-03-01 12:30:00 | TRUE |  | last |",)},
    ),
    Case(
        "several.xlsx", lambda: making.sheets(making.several), "xlsx", "sheet", 3,
        {1: ("one",), 2: ("two",), 3: ("an empty sheet",)},
    ),
    Case(
        "special.xlsx", lambda: making.sheets(making.special), "xlsx", "sheet", 1,
        {1: (r"| a\|b | two<br>lines | back\\slash |",)},
    ),
    Case(
        "rows.xlsx", lambda: making.sheets(making.many_rows), "xlsx", "sheet", 1,
        {1: ("| 4999 |", "more than 5,000 rows")}, ("| 5000 |",),
    ),
    Case(
        "bullets.pptx", lambda: making.slides(making.bullets), "pptx", "slide", 1, {1: ("Build\n  - carefully",)},
    ),
    Case(
        "notes.pptx", lambda: making.slides(making.notes), "pptx", "slide", 1, {1: ("> Do not forget the audit",)},
    ),
    Case(
        "table.pptx", lambda: making.slides(making.slide_table), "pptx", "slide", 1,
        {1: ("| Team | Size |\n| --- | --- |\n| blue | 4 |",)},
    ),
    Case("order.pptx", lambda: making.slides(making.reordered), "pptx", "slide", 2, {1: ("",), 2: ("",)}),
    Case(
        "page.html", html("<h2>News</h2><p>All <b>good</b>.</p><script>alert(1)</script>"), "html", "section", 1,
        {1: ("## News", "All **good**.")}, ("alert", "color", "T\n"),
    ),
    Case("umlaut.html", html('<p>schön</p>'), "html", "section", 1, {1: ("schön",)}),
    Case(
        "latin1.html", lambda: b'<html><head><meta charset="iso-8859-1"></head><body>sch\xf6n</body></html>', "html",
        "section", 1, {1: ("schön",)},
    ),
    Case(
        "picture.html", html('<p>x</p><img src="data:image/png;base64,AAAA" alt="a chart">'), "html", "section", 1,
        {1: ("a chart",)}, ("base64",),
    ),
    Case(
        "table.html", html("<table><tr><th>k</th><th>v</th></tr><tr><td>1</td><td>2</td></tr></table>"), "html",
        "section", 1, {1: ("| k | v |\n| --- | --- |\n| 1 | 2 |",)},
    ),
    Case("nested.html", html("<ul><li>a<ul><li>b</li></ul></li></ul>"), "html", "section", 1, {1: ("- a\n  - b",)}),
    Case(
        "book.epub", lambda: making.epub(_CHAPTERS, ["a", "b"]), "epub", "chapter", 2,
        {1: ("# First", "begin"), 2: ("# Second", "the end")},
    ),
)  # fmt: skip


def tried(data: bytes, job: Job) -> Outcome:
    """As the process does it that is made for a document: the file is a descriptor without a name."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        with os.fdopen(os.dup(file.fileno()), "rb") as opened:
            return reading.outcome(opened, job)


def read(data: bytes, job: Job) -> Document:
    outcome = tried(data, job)
    assert outcome.document is not None, outcome.failure
    return outcome.document


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_text_is_what_was_written(case: Case):
    document = read(case.make(), msgspec.structs.replace(JOB, name=case.name))
    assert (document.format, document.unit, document.count) == (case.format, case.unit, case.count)
    assert not document.cut
    assert [part.number for part in document.parts] == list(range(1, case.count + 1))
    for number, texts in case.shown.items():
        for text in texts:
            assert text in document.parts[number - 1].text
    everything = "\n".join(part.text for part in document.parts)
    for text in case.hidden:
        assert text not in everything


def test_titles_of_slides_and_sheets_are_told_in_the_order_of_the_document():
    slides = read(making.slides(making.reordered), JOB)
    assert [part.title for part in slides.parts] == ["made second", "made first"]
    sheets = read(making.sheets(making.several), JOB)
    assert [part.title for part in sheets.parts] == ["First", "Second", "Nothing"]


def test_only_the_parts_that_were_asked_for_come():
    data = making.pdf([f"Page {number}" for number in range(1, 13)])
    some = read(data, msgspec.structs.replace(JOB, first=3, last=5))
    assert [(part.number, part.text.strip()) for part in some.parts] == [(3, "Page 3"), (4, "Page 4"), (5, "Page 5")]
    rest = read(data, msgspec.structs.replace(JOB, first=11, last=99))
    assert [part.number for part in rest.parts] == [11, 12]


def test_text_that_is_too_long_is_cut_and_said_to_be():
    data = making.pdf(["x" * 40] * 5)
    some = read(data, msgspec.structs.replace(JOB, most=100))
    assert some.cut
    assert sum(len(part.text) for part in some.parts) == 100
    whole = read(data, msgspec.structs.replace(JOB, most=1_000))
    assert not whole.cut


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (making.pdf(["x"], userPassword="secret", ownerPassword="boss"), "a.pdf", "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a.doc", "before 2007"),
        (b"just text", "a.txt", "read_file"),
        (making.archive({"readme.txt": b"x"}), "a.zip", "no DOCX"),
        (b"%PDF-1.7\nnothing else", "a.pdf", "damaged"),
        (b"PK\x03\x04 cut off", "a.docx", "damaged"),
        (making.archive({"word/document.xml": b"<w:document"}), "a.docx", "damaged"),
        (making.archive({"META-INF/container.xml": making.CONTAINER}), "a.epub", "OPS/book.opf"),
        (b"", "empty.pdf", "no PDF"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, reason: str):
    outcome = tried(data, msgspec.structs.replace(JOB, name=name))
    assert outcome.document is None
    assert reason in outcome.failure


def test_a_part_that_is_not_there_is_refused_with_how_many_there_are():
    outcome = tried(making.pdf(["a", "b"]), msgspec.structs.replace(JOB, first=3))
    assert outcome.failure == "it has 2 pages; page 3 is not there"
