"""HTML, by markdownify."""

from typing import BinaryIO

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

from toolgate.upstreams.filesystem.documents.parts import Contents, Unreadable, of_text

MOST_HTML = 16 * 1024 * 1024
"""Bytes of one HTML text."""

_NO_TEXT = ["script", "style", "noscript", "template", "iframe", "object", "svg", "head"]


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable."""
    data = file.read(MOST_HTML + 1)
    if len(data) > MOST_HTML:
        raise Unreadable(f"it is larger than {MOST_HTML:,} bytes, the most that is read of HTML")
    return of_text(markdown(data))


def markdown(html: bytes | str) -> str:
    """HTML as Markdown, without scripts, styles and pictures that are in the text itself. Raises RecursionError where
    it is nested too deeply."""
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup(_NO_TEXT):
        tag.decompose()
    for image in soup("img"):
        if str(image.get("src", "")).startswith("data:"):
            del image["src"]
    text = MarkdownConverter(heading_style="atx", bullets="-", table_infer_header=True).convert_soup(soup)
    lines = (line.rstrip() for line in text.replace("\xa0", " ").splitlines())
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1]):
            found.append(line)
    return "\n".join(found).strip("\n")
