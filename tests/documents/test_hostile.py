"""Files that are made to cost time or memory: each ends within its bounds, with a plain reason or with what could be
read, in the process that was made for it."""

import io
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import openpyxl
import psutil
import pytest

from tests.documents import making
from toolgate.upstreams.filesystem.documents.calling import extract
from toolgate.upstreams.filesystem.documents.job import Job
from toolgate.upstreams.filesystem.documents.parts import Document, Unreadable
from toolgate.upstreams.filesystem.failures import Stopped
from toolgate.upstreams.filesystem.workers import Pulse

MIB = 1024 * 1024
JOB = Job("document", 1, None, MIB, 256 * MIB, 10)
_SLACK = 10.0
"""Seconds for starting a process on a busy machine."""

ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><x>&j;</x>"
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


def objects(*bodies: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    made = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(bodies, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(made) + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start)


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), extra, data)


def page_tree(kids: bytes, count: int, *rest: bytes) -> bytes:
    return objects(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count), *rest
    )


def zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(mebibytes)), packer.flush()])


def pdf_bomb() -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    return page_tree(b"3 0 R", 1, page, stream(zeros(1024), b"/Filter /FlateDecode"))


def pdf_endless_pages() -> bytes:
    return page_tree(b"2 0 R 2 0 R", 2_000_000_000)


def pdf_many_pages() -> bytes:
    """One page, named again and again."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    text = b"BT /F1 9 Tf " + b"(endless) Tj " * 2_000 + b"ET"
    return page_tree(b"3 0 R " * 100_000, 100_000, page, stream(text))


def pdf_form_in_itself() -> bytes:
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /A 5 0 R >> >> >>"
    )
    form = stream(b"/A Do /A Do", b"/Type /XObject /Subtype /Form /Resources << /XObject << /A 5 0 R >> >>")
    return page_tree(b"3 0 R", 1, page, stream(b"/A Do"), form)


def pdf_table_of_itself() -> bytes:
    """A cross-reference table whose former version is itself."""
    good = making.pdf(["x"])
    start = good.rindex(b"startxref")
    at = int(good[start:].split()[1])
    return good.replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % at)


def word_of(document: bytes) -> bytes:
    types = (
        b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
        b'ContentType="application/xml"/></Types>'
    )
    return making.archive({"[Content_Types].xml": types, "word/document.xml": document})


def word_bomb() -> bytes:
    return word_of(b"<w:document>" + bytes(300 * MIB) + b"</w:document>")


def zip_that_lies() -> bytes:
    """The directory says 10 bytes; the member unpacks to 300 MiB."""
    data = word_of(bytes(300 * MIB))
    size = struct.pack("<I", 300 * MIB)
    assert data.count(size) == 2
    return data.replace(size, struct.pack("<I", 10))


def many_members() -> bytes:
    return making.archive({"word/document.xml": b"<x/>", **{f"x/{number}": b"" for number in range(25_000)}})


def deep_word() -> bytes:
    names = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    deep = 50_000
    return word_of(
        b"<w:document %b><w:body>" % names + b"<w:sdt>" * deep + b"</w:sdt>" * deep + b"</w:body></w:document>"
    )


def sheet_with(member: str, data: bytes) -> bytes:
    """A workbook, one of whose members is this."""
    made = io.BytesIO()
    openpyxl.Workbook().save(made)
    with making.zipfile.ZipFile(made) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    assert member in members
    return making.archive({**members, member: data})


def repeated_strings() -> bytes:
    """A table of 20,000 shared strings of 10 kB each would be 200 MB; packed it is small."""
    text = b"<si><t>" + b"x" * 10_000 + b"</t></si>"
    return sheet_with("xl/styles.xml", b"<styleSheet>" + text * 20_000 + b"</styleSheet>")


def html_deep() -> bytes:
    return b"<html>" + b"<div>" * 200_000


def html_wide() -> bytes:
    return b"<html><table>" + b"<tr>" + b"<td>x" * 200_000


def html_attributes() -> bytes:
    return b"<html><a " + b"x=1 " * 1_000_000


def cut_short(data: bytes) -> Callable[[], bytes]:
    return lambda: data[: len(data) * 2 // 3]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb.pdf": pdf_bomb,
    "endless.pdf": pdf_endless_pages,
    "many.pdf": pdf_many_pages,
    "self.pdf": pdf_form_in_itself,
    "table.pdf": pdf_table_of_itself,
    "cut.pdf": cut_short(making.pdf(["x" * 50] * 9)),
    "noise.pdf": lambda: b"%PDF-1.7\n" + os.urandom(MIB),
    "bomb.docx": word_bomb,
    "lies.docx": zip_that_lies,
    "members.docx": many_members,
    "deep.docx": deep_word,
    "entities.docx": lambda: word_of(ENTITIES),
    "outside.docx": lambda: word_of(OUTSIDE),
    "cut.docx": cut_short(making.word(making.lists)),
    "entities.xlsx": lambda: sheet_with("xl/worksheets/sheet1.xml", ENTITIES),
    "outside.xlsx": lambda: sheet_with("xl/workbook.xml", OUTSIDE),
    "strings.xlsx": repeated_strings,
    "sparse.xlsx": lambda: making.sheets(making.sparse),
    "entities.pptx": lambda: making.archive({"ppt/presentation.xml": ENTITIES}),
    "entities.epub": lambda: making.archive({"META-INF/container.xml": ENTITIES}),
    "outside.epub": lambda: making.archive({"META-INF/container.xml": making.CONTAINER, "OPS/book.opf": OUTSIDE}),
    "deep.html": html_deep,
    "wide.html": html_wide,
    "attributes.html": html_attributes,
    "huge.html": lambda: b"<html>" + b"x" * (17 * MIB),
}
HARMLESS = {"bomb.pdf", "sparse.xlsx", "self.pdf", "table.pdf", "many.pdf", "wide.html", "attributes.html", "cut.pdf"}
"""What may as well be read, as far as it goes."""


def readers() -> list[psutil.Process]:
    """The processes of ours that read a document."""
    return [one for one in psutil.Process().children() if any("documents.worker" in word for word in one.cmdline())]


def forever() -> Pulse:
    return Pulse(time.perf_counter() + 3_600)


def told(path: Path, job: Job, pulse: Pulse | None = None) -> Document:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return extract(descriptor, msgspec.structs.replace(job, name=path.name), pulse or forever())
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_no_more_than_is_allowed(name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(HOSTILE[name]())
    began = time.perf_counter()
    try:
        document = told(tmp_path / name, JOB)
    except Unreadable as error:
        reason = str(error)
    else:
        reason = "none was needed"
        assert name in HARMLESS, document
        assert sum(len(part.text) for part in document.parts) <= JOB.most
        assert "root:" not in str(document)
    assert reason
    assert "Traceback" not in reason
    assert time.perf_counter() - began < JOB.seconds + _SLACK
    assert not readers()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep a limit on memory")
def test_memory_is_bounded_and_the_reason_is_told(tmp_path: Path):
    (tmp_path / "wide.html").write_bytes(html_wide())
    with pytest.raises(Unreadable, match="more than 128 MiB of memory"):
        told(tmp_path / "wide.html", msgspec.structs.replace(JOB, memory=128 * MIB))


def test_time_is_bounded_and_the_reason_is_told(tmp_path: Path):
    (tmp_path / "wide.html").write_bytes(html_wide())
    began = time.perf_counter()
    with pytest.raises(Unreadable, match=r"more than 1 seconds|or 1 seconds"):
        told(tmp_path / "wide.html", msgspec.structs.replace(JOB, seconds=1, memory=2048 * MIB))
    assert time.perf_counter() - began < 1 + _SLACK


def test_a_call_that_was_taken_back_ends_the_process(tmp_path: Path):
    (tmp_path / "many.pdf").write_bytes(pdf_many_pages())
    pulse = forever()
    pulse.stop()
    with pytest.raises(Stopped):
        told(tmp_path / "many.pdf", JOB, pulse)
    assert not readers()


def test_what_is_secret_in_the_environment_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The process that reads documents is started with nothing that this one knows."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "evil.py"))
    (tmp_path / "pypdf.py").write_text("raise SystemExit('loaded from elsewhere')")
    (tmp_path / "good.pdf").write_bytes(making.pdf(["still read"]))
    assert "still read" in told(tmp_path / "good.pdf", JOB).parts[0].text
