"""Documents with known content, made by the libraries that other programs make them with."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import docx
import openpyxl
import pptx
from docx.opc.constants import RELATIONSHIP_TYPE
from pptx.util import Inches
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas


def pdf(pages: Sequence[str], *, size: tuple[float, float] = A4, compressed: bool = True, **encrypted: Any) -> bytes:
    """One line of text per line; an empty page has a drawing only."""
    made = io.BytesIO()
    protection = StandardEncryption(canPrint=0, **encrypted) if encrypted else None
    drawn = canvas.Canvas(made, pagesize=size, pageCompression=int(compressed), encrypt=protection)
    for text in pages:
        if text:
            for number, line in enumerate(text.splitlines()):
                drawn.drawString(72, size[1] - 72 - 16 * number, line)
        else:
            drawn.rect(100, 100, 200, 200, fill=1)
        drawn.showPage()
    drawn.save()
    return made.getvalue()


def wide_pdf() -> bytes:
    return pdf(["Landscape text"], size=landscape(A4))


def word(fill: Callable[[Any], None]) -> bytes:
    document = docx.Document()
    fill(document)
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def headings(document: Any) -> None:
    document.add_heading("Annual report", 1)
    document.add_heading("Revenue", 2)
    run = document.add_paragraph("It grew by ").add_run("12 percent")
    run.bold = True


def lists(document: Any) -> None:
    for text in ("apples", "pears"):
        document.add_paragraph(text, style="List Bullet")
    document.add_paragraph("first step", style="List Number")


def tables(document: Any) -> None:
    table = document.add_table(rows=2, cols=2)
    for row, texts in enumerate((("Region", "Sum"), ("Zürich", "1 200"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text


def links(document: Any) -> None:
    paragraph = document.add_paragraph("See ")
    relation = document.part.relate_to("https://example.com/terms", RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link = paragraph._p.makeelement(
        "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}hyperlink",
        {"{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id": relation},
    )
    link.append(paragraph.add_run("the terms")._r)
    paragraph._p.append(link)


def long_text(document: Any) -> None:
    for chapter in range(1, 5):
        document.add_heading(f"Chapter {chapter}", 1)
        for number in range(60):
            document.add_paragraph(f"Sentence {number} of chapter {chapter} is here to fill the section. " * 2)


def sheets(fill: Callable[[Any], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def numbers(book: Any) -> None:
    sheet = book.active
    sheet.title = "Sales"
    for row in (["item", "count", "price"], ["screws", 1200, 0.1], ["nuts", 7, 2.5]):
        sheet.append(row)


def dates(book: Any) -> None:
    sheet = book.active
    moment = dt.datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - sheets know no time zones
    sheet.append([dt.date(2026, 3, 1), moment, True, None, "last"])


def several(book: Any) -> None:
    book.active.title = "First"
    book.active.append(["one"])
    book.create_sheet("Second").append(["two"])
    book.create_sheet("Nothing")


def special(book: Any) -> None:
    book.active.append(["a|b", "two\nlines", "back\\slash"])


def sparse(book: Any) -> None:
    """Two cells, very far apart."""
    book.active["A1"] = "near"
    book.active["XFD1048576"] = "far"


def many_rows(book: Any) -> None:
    for number in range(6_000):
        book.active.append([number])


def slides(fill: Callable[[Any], None]) -> bytes:
    presentation = pptx.Presentation()
    fill(presentation)
    made = io.BytesIO()
    presentation.save(made)
    return made.getvalue()


def bullets(presentation: Any) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Plan"
    frame = slide.placeholders[1].text_frame
    frame.text = "Build"
    deeper = frame.add_paragraph()
    deeper.text, deeper.level = "carefully", 1


def notes(presentation: Any) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Numbers"
    slide.notes_slide.notes_text_frame.text = "Do not forget the audit"


def slide_table(presentation: Any) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(2)).table
    for row, texts in enumerate((("Team", "Size"), ("blue", "4"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text


def reordered(presentation: Any) -> None:
    for title in ("made first", "made second"):
        presentation.slides.add_slide(presentation.slide_layouts[5]).shapes.title.text = title
    listed = presentation.slides._sldIdLst
    listed.append(listed[0])


def archive(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return made.getvalue()


CONTAINER = (
    b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    b'<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub(chapters: dict[str, str], order: Sequence[str]) -> bytes:
    """Chapters by name, and the names in reading order."""
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in order)
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>{items}'
        f'<item id="css" href="a.css" media-type="text/css"/></manifest><spine>{spine}</spine></package>'
    )
    return archive(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": package.encode(),
            **{f"OPS/{name}.xhtml": text.encode() for name, text in chapters.items()},
        }
    )
