"""Reading zip files whose size nobody can lie about, and XML that brings no definitions of its own."""

import posixpath
import zipfile
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from toolgate.upstreams.filesystem.documents.parts import Unreadable

MOST_MEMBERS = 20_000
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes that all members together may unpack to."""

_DEFINES = "it is damaged: XML in it brings definitions of its own"

_MOST_RATIO = 500
"""How many times larger than packed the whole may be. Office text packs about 10 times, empty sheets 100 times."""


def opened(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, judged by what it says of itself: reading stops at the sizes that stand there. Raises Unreadable."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unreadable(f"it is damaged: {error}") from None
    members = archive.infolist()
    unpacked, packed = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if len(members) > MOST_MEMBERS:
        raise Unreadable(f"it holds {len(members):,} files inside; at most {MOST_MEMBERS:,} are taken")
    if unpacked > MOST_UNPACKED or (unpacked > 1024 * 1024 and unpacked > _MOST_RATIO * packed):
        raise Unreadable(
            f"it unpacks to {unpacked:,} bytes from {packed:,}: at most {MOST_UNPACKED:,} bytes and {_MOST_RATIO} "
            "times the packed size are taken"
        )
    return archive


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Raises Unreadable when it is missing or damaged."""
    try:
        return archive.read(name)
    except KeyError:
        raise Unreadable(f"it is damaged: {name!r} is missing in it") from None
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise Unreadable(f"it is damaged: {name!r} in it cannot be unpacked ({error})") from None


def xml(data: bytes, name: str) -> Element:
    """The root element. A document type is refused: office files and EPUB have no need of one."""
    try:
        return ElementTree.fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable(_DEFINES) from None
    except (ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"it is damaged: {name!r} in it is no XML ({error})") from None


def refuse_definitions(archive: zipfile.ZipFile) -> None:
    """For libraries that read the XML in it themselves, and take what it defines. Raises Unreadable."""
    for name in archive.namelist():
        if name.endswith((".xml", ".rels")):
            data = member(archive, name)
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise Unreadable(_DEFINES)


def resolved(base: str, target: str) -> str:
    """The name of the member that a relation of member `base` means."""
    if target.startswith("/"):
        return target[1:]
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), target))


def relations(archive: zipfile.ZipFile, of: str) -> dict[str, str]:
    """Identifier -> member, of an office document's part (ECMA-376 part 2). Empty where the part has none."""
    folder, _, name = of.rpartition("/")
    path = f"{folder}/_rels/{name}.rels"
    if path not in archive.NameToInfo:
        return {}
    return {
        one.get("Id", ""): resolved(of, one.get("Target", ""))
        for one in xml(member(archive, path), path)
        if one.get("TargetMode") != "External"
    }
