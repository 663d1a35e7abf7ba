"""Tools that read files: text by lines, images and sounds."""

from base64 import b64encode
from typing import Annotated

import msgspec

from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.failures import Failure, of_error
from toolgate.upstreams.filesystem.files import Opened
from toolgate.upstreams.filesystem.reading import WHOLE, Lines, Text, read_bytes, read_head, read_text
from toolgate.upstreams.filesystem.tools.tool import Answer, Desk, Json, Tool, said
from toolgate.upstreams.filesystem.workers import Pulse

Path = Annotated[str, msgspec.Meta(description="Relative to what is served, as `notes/today.md`.")]
_Positive = msgspec.Meta(ge=1)


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of read_file."""

    path: Path
    offset: Annotated[int, _Positive, msgspec.Meta(description="The first line to read, from 1.")] | None = None
    limit: Annotated[int, _Positive, msgspec.Meta(description="How many lines to read.")] | None = None
    tail: Annotated[int, _Positive, msgspec.Meta(description="Read this many lines from the end.")] | None = None
    encoding: Annotated[str, msgspec.Meta(description="Of text that is not UTF-8.")] | None = None


class ReadFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of read_multiple_files."""

    paths: Annotated[list[str], msgspec.Meta(min_length=1, description="As for read_file.")]


def _read_file(desk: Desk, asked: ReadFile, pulse: Pulse) -> Answer:
    lines = _lines(asked)
    if asked.encoding is not None and asked.encoding not in contents.ENCODINGS:
        raise Failure(f"`encoding` is one of {', '.join(contents.ENCODINGS)}")
    return Answer(_content(desk, asked.path, lines, (desk.settings.max_read, asked.encoding), pulse))


def _lines(asked: ReadFile) -> Lines:
    if asked.tail is not None:
        if asked.offset is not None or asked.limit is not None:
            raise Failure("`tail` stands alone: it cannot be given with `offset` or `limit`")
        return Lines(last=asked.tail)
    return Lines(asked.offset or 1, asked.limit)


def _content(desk: Desk, path: str, lines: Lines, bounds: tuple[int, str | None], pulse: Pulse) -> list[Json]:
    """A file as content blocks. `bounds` are the most bytes of text, and the encoding that was asked for."""
    most, encoding = bounds
    place = desk.places.read(path)
    with desk.files.reading(place) as opened:
        try:
            kind = contents.kind(read_head(opened), opened.place.name)
            if encoding is None and kind.is_media:
                return [_media(desk, opened, kind.mime or "")]
            if encoding is None and kind.mime is not None:
                raise _not_text(opened, kind.mime)
            found = read_text(opened, most, lines, encoding or kind.encoding, pulse)
        except OSError as error:
            raise of_error(error, place.shown) from error
    return [said(found.text), *map(said, found.notes)]


def _media(desk: Desk, opened: Opened, mime: str) -> Json:
    data = read_bytes(opened, desk.settings.max_media)
    return {"type": mime.partition("/")[0], "data": b64encode(data).decode("ascii"), "mimeType": mime}


def _not_text(opened: Opened, mime: str) -> Failure:
    what = "of a type that is not known" if mime == contents.UNKNOWN else mime
    return Failure(
        f"`{opened.place.shown}` is not text, but {opened.found.st_size:,} bytes {what}; it cannot be shown as text. "
        "If it is text all the same, give its `encoding`"
    )


def _read_files(desk: Desk, asked: ReadFiles, pulse: Pulse) -> Answer:
    if len(asked.paths) > desk.settings.max_files:
        raise Failure(f"at most {desk.settings.max_files} files are read at once, and these are {len(asked.paths)}")
    blocks: list[Json] = []
    left = desk.settings.max_read
    for path in asked.paths:
        pulse.check()
        try:
            if left <= 0:
                raise Failure(f"not read: the files before it have {desk.settings.max_read:,} bytes already")
            found = _content(desk, path, WHOLE, (left, None), pulse)
        except Failure as failure:
            blocks.append(said(f"{path}: Error - {failure}"))
            continue
        left -= sum(len(block.get("text", "").encode()) for block in found)
        first = found[0]
        if "text" in first:
            blocks += [said(f"{path}:\n{first['text']}"), *found[1:]]
        else:
            blocks += [said(f"{path}:"), *found]
    return Answer(blocks)


def whole(desk: Desk, opened: Opened, pulse: Pulse) -> tuple[str, Text | bytes]:
    """A whole file as (type, content), for those who can take anything. Raises Failure, also for one that is too
    large."""
    kind = contents.kind(read_head(opened), opened.place.name)
    if kind.mime is not None:
        return kind.mime, read_bytes(opened, desk.settings.max_media)
    if opened.found.st_size > desk.settings.max_read:
        raise Failure(
            f"`{opened.place.shown}` has {opened.found.st_size:,} bytes; at most {desk.settings.max_read:,} are read "
            "at once: read_file reads it in parts"
        )
    text = read_text(opened, desk.settings.max_read, WHOLE, kind.encoding, pulse)
    return contents.text_type(opened.place.name), text


TOOLS = (
    Tool(
        "read_file",
        "Read a file",
        "The content of one file. Text comes as it is, whole or by lines: `offset` and `limit`, or `tail`. Of a text "
        "that is too long, as many lines as fit come, and where to go on. Images and sounds come as such. Other binary "
        "files are refused.",
        ReadFile,
        _read_file,
    ),
    Tool(
        "read_multiple_files",
        "Read several files",
        "The contents of several files at once, each under its path. One that cannot be read is said, and the others "
        "come all the same.",
        ReadFiles,
        _read_files,
        long=True,
    ),
)
