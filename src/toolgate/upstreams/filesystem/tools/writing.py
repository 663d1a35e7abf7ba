"""Tools that change files and directories. They are offered only where a root may be written."""

import codecs
from typing import Annotated

import msgspec

from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.diffs import unified
from toolgate.upstreams.filesystem.edits import Edit, edited
from toolgate.upstreams.filesystem.failures import Failure, Missing
from toolgate.upstreams.filesystem.places import Place
from toolgate.upstreams.filesystem.reading import read_bytes, read_head
from toolgate.upstreams.filesystem.tools.reading import Path
from toolgate.upstreams.filesystem.tools.tool import Answer, Desk, Tool, said, shape
from toolgate.upstreams.filesystem.workers import Pulse

_MOST_EDITS = 200
_BIG_ENDIAN = {"utf-16": ((codecs.BOM_UTF16_BE, "utf-16-be"),), "utf-32": ((codecs.BOM_UTF32_BE, "utf-32-be"),)}
_LONGEST_DIFF = 200_000
"""Characters of a diff that are shown."""


class WriteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of write_file."""

    path: Path
    content: Annotated[str, msgspec.Meta(description="The whole text of the file.")]
    overwrite: Annotated[bool, msgspec.Meta(description="Whether a file that exists may be replaced.")] = True
    encoding: Annotated[str, msgspec.Meta(description="UTF-8 unless another is named.")] = "utf-8"


class EditFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of edit_file."""

    path: Path
    edits: Annotated[list[Edit], msgspec.Meta(min_length=1, max_length=_MOST_EDITS)]
    dry_run: Annotated[bool, msgspec.Meta(description="Only show the diff.")] = False
    encoding: Annotated[str, msgspec.Meta(description="Of text that is not UTF-8.")] | None = None


class CreateDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of create_directory."""

    path: Path


class MoveFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of move_file."""

    source: Path
    destination: Annotated[str, msgspec.Meta(description="The new path, name included. It must be free.")]


class DeleteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of delete_file."""

    path: Path


def _write_file(desk: Desk, asked: WriteFile, pulse: Pulse) -> Answer:
    place = desk.places.read(asked.path)
    _refuse_unknown(asked.encoding)
    data = _encoded(asked.content, asked.encoding, place)
    _refuse_large(desk, data, place)
    with desk.writer.alone(place):
        pulse.check()
        try:
            replaced = desk.writer.write(place, data, replace=asked.overwrite)
        except Missing as missing:
            raise Missing(f"{missing}; create_directory makes the directory") from None
    verb = "Replaced" if replaced else "Created"
    known = {"path": place.shown, "created": not replaced, "bytes": len(data)}
    return Answer([said(f"{verb} `{place.shown}` ({len(data):,} bytes)")], known)


def _edit_file(desk: Desk, asked: EditFile, pulse: Pulse) -> Answer:
    place = desk.places.read(asked.path)
    desk.files.refuse_write(place)
    with desk.writer.alone(place):
        pulse.check()
        with desk.files.reading(place) as opened:
            kind = contents.kind(read_head(opened), opened.place.name)
            if asked.encoding is None and kind.mime is not None:
                raise Failure(f"`{place.shown}` is not text ({kind.mime}), and is not edited")
            before = read_bytes(opened, desk.settings.max_write)
            seen = opened.found
        encoding = asked.encoding or kind.encoding
        _refuse_unknown(encoding.removesuffix("-sig"))
        text = _decoded(before, encoding, place)
        changed = edited(text, asked.edits, place.shown)
        data = _again(before, encoding, changed, place)
        _refuse_large(desk, data, place)
        diff = unified(text, changed, place.shown)
        if not asked.dry_run and data != before:
            desk.writer.write(place, data, seen=seen)
    if not diff:
        return Answer([said(f"`{place.shown}`: nothing to change, it is so already")])
    shown = diff if len(diff) <= _LONGEST_DIFF else f"{diff[:_LONGEST_DIFF]}\n(the diff goes on)"
    return Answer([said(shown), *([said("(dry run: nothing was written)")] if asked.dry_run else [])])


def _create_directory(desk: Desk, asked: CreateDirectory, pulse: Pulse) -> Answer:
    place = desk.places.read(asked.path)
    made = desk.writer.make_directory(place)
    return Answer([said(f"{'Created' if made else 'There is already a directory'} `{place.shown}`")])


def _move_file(desk: Desk, asked: MoveFile, pulse: Pulse) -> Answer:
    source, target = desk.places.read(asked.source), desk.places.read(asked.destination)
    desk.writer.move(source, target)
    return Answer([said(f"Moved `{source.shown}` to `{target.shown}`")])


def _delete_file(desk: Desk, asked: DeleteFile, pulse: Pulse) -> Answer:
    place = desk.places.read(asked.path)
    kept = desk.writer.delete(place)
    where = "" if kept is None else f"; it is kept as `{kept.shown}` of its directory, which only people can reach"
    return Answer([said(f"Deleted `{place.shown}`{where}")])


def _refuse_unknown(encoding: str) -> None:
    if encoding not in contents.ENCODINGS:
        raise Failure(f"`encoding` is one of {', '.join(contents.ENCODINGS)}")


def _encoded(text: str, encoding: str, place: Place) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        character = text[error.start].encode("unicode_escape").decode("ascii")
        raise Failure(
            f"`{place.shown}`: {encoding} has no {character!r} (character {error.start + 1:,}); nothing was written"
        ) from None


def _decoded(data: bytes, encoding: str, place: Place) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        advice = "; name its `encoding`" if encoding == "utf-8" else ""
        raise Failure(
            f"`{place.shown}` is not {encoding} (byte {error.start:,}){advice}; nothing was changed"
        ) from None


def _again(before: bytes, encoding: str, text: str, place: Place) -> bytes:
    """In the encoding that the file has, with the byte order that it has: Python alone would write its own."""
    for mark, order in _BIG_ENDIAN.get(encoding, ()):
        if before.startswith(mark):
            return mark + _encoded(text, order, place)
    return _encoded(text, encoding, place)


def _refuse_large(desk: Desk, data: bytes, place: Place) -> None:
    if len(data) > desk.settings.max_write:
        raise Failure(
            f"`{place.shown}` would have {len(data):,} bytes; at most {desk.settings.max_write:,} are written"
        )


TOOLS = (
    Tool(
        "write_file",
        "Write a file",
        "Makes a file with this text, or replaces the one that is there, in one step. The directory must exist.",
        WriteFile,
        _write_file,
        shape({"path": {"type": "string"}, "created": {"type": "boolean"}, "bytes": {"type": "integer"}}),
        writes=True,
        destructive=True,
    ),
    Tool(
        "edit_file",
        "Edit a file",
        "Replaces exact pieces of a text file and shows the diff. Each `old_text` must occur exactly once, unless "
        "`replace_all` is set. If one edit does not fit, nothing is changed.",
        EditFile,
        _edit_file,
        writes=True,
        destructive=True,
        idempotent=False,
    ),
    Tool(
        "create_directory",
        "Create a directory",
        "Makes a directory, with all that it lies in. One that exists already is left as it is.",
        CreateDirectory,
        _create_directory,
        writes=True,
    ),
    Tool(
        "move_file",
        "Move or rename",
        "Moves or renames a file or directory. What has the new name already is never replaced.",
        MoveFile,
        _move_file,
        writes=True,
        destructive=True,
        idempotent=False,
    ),
    Tool(
        "delete_file",
        "Delete a file",
        "Deletes a file or an empty directory; where the server keeps a trash, it is moved there.",
        DeleteFile,
        _delete_file,
        writes=True,
        destructive=True,
        idempotent=False,
        offered=lambda settings: settings.delete != "no",
    ),
)
