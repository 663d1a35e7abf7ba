"""An icon for what has none of its own: the first letters of its title."""

import hashlib
from xml.sax.saxutils import escape

_COLOURS = ("#1f6feb", "#2b7a4b", "#8250df", "#9a6700", "#bc4c00", "#a0306a", "#0b7285", "#57606a")
"""White letters can be read on each of them."""


def svg(title: str) -> bytes:
    """An SVG, the same for the same title."""
    colour = _COLOURS[hashlib.sha256(title.encode()).digest()[0] % len(_COLOURS)]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="7" fill="{colour}"/>'
        '<text x="16" y="22" font-family="system-ui,sans-serif" font-size="15" font-weight="700"'
        f' text-anchor="middle" fill="#fff">{escape(_letters(title))}</text></svg>'
    ).encode()


def _letters(title: str) -> str:
    words = ["".join(character for character in word if character.isalnum()) for word in title.split()]
    words = [word for word in words if word]
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    return words[0][:2].upper() if words else "?"
