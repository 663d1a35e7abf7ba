"""Tools that say what is there: directories, trees, searches, facts about one file."""

import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec

from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.failures import of_error
from toolgate.upstreams.filesystem.globs import lenient
from toolgate.upstreams.filesystem.ignoring import Ignoring
from toolgate.upstreams.filesystem.listing import Entry, entries, facts, type_of, walk
from toolgate.upstreams.filesystem.places import Place
from toolgate.upstreams.filesystem.searching import Hit, Wanted, is_excluded, search
from toolgate.upstreams.filesystem.tools.reading import Path
from toolgate.upstreams.filesystem.tools.tool import Answer, Desk, Json, Tool, said, shape
from toolgate.upstreams.filesystem.workers import Pulse

_MARKS = {"directory": "[DIR]", "file": "[FILE]", "link": "[LINK]", "other": "[OTHER]"}
_PAGE = 1_000
_Exclude = Annotated[
    list[str], msgspec.Meta(max_length=100, description="Patterns, as in a .gitignore, of what is left out.")
]
_Ignored = Annotated[
    bool, msgspec.Meta(description="Whether what .gitignore files name, and .git itself, is taken, too.")
]


class ListDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of list_directory."""

    path: Path = "."
    offset: Annotated[int, msgspec.Meta(ge=0, description="How many entries to pass over.")] = 0
    details: Annotated[bool, msgspec.Meta(description="Whether sizes and times of change are shown, too.")] = False


class DirectoryTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of directory_tree."""

    path: Path = "."
    depth: Annotated[int, msgspec.Meta(ge=1, le=64, description="How many levels.")] | None = None
    exclude: _Exclude = []
    include_ignored: _Ignored = False


class SearchFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of search_files."""

    path: Path = "."
    pattern: Annotated[
        str,
        msgspec.Meta(
            description="Over paths relative to `path`: `*.md` is in that directory itself, `**/*.md` at any depth; "
            "`{a,b}` is either."
        ),
    ] = "**/*"
    text: Annotated[str, msgspec.Meta(description="Only files that hold this text, with the lines.")] | None = None
    regex: Annotated[bool, msgspec.Meta(description="Whether `text` is a regular expression (RE2).")] = False
    case_sensitive: bool = False
    exclude: _Exclude = []
    include_ignored: _Ignored = False
    max_results: Annotated[int, msgspec.Meta(ge=1)] = 100


class GetFileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of get_file_info."""

    path: Path


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


def _list_directory(desk: Desk, asked: ListDirectory, pulse: Pulse) -> Answer:
    starts = desk.places.starts(asked.path)
    place = starts[0]
    if len(starts) > 1:
        names = [{"name": place.root.alias, "type": "directory"} for place in starts]
        return _listed(asked.path, names, 0, len(names))
    with desk.files.directory(place) as (directory, real):
        try:
            found = entries(desk.files, directory, real)
            page = found[asked.offset : asked.offset + min(_PAGE, desk.settings.max_entries)]
            listed = [_entry(directory, entry, details=asked.details) for entry in page]
        except OSError as error:
            raise of_error(error, place.shown) from error
    return _listed(place.shown, listed, asked.offset, len(found))


def _listed(shown: str, listed: list[Json], offset: int, total: int) -> Answer:
    known: Json = {"path": shown, "entries": listed, "total": total}
    text = "\n".join(map(_row, listed))
    content = [said(text or "(nothing)" if not offset else text or "(nothing more)")]
    end = offset + len(listed)
    if end < total:
        known["next_offset"] = end
        content.append(said(f"(entries {offset + 1:,} to {end:,} of {total:,}; next is offset={end})"))
    return Answer(content, known)


def _row(entry: Json) -> str:
    row = f"{_MARKS[entry['type']]} {entry['name']}"
    if "modified" not in entry:
        return row
    size = f"{entry['size']:,} bytes, " if "size" in entry else ""
    return f"{row}  ({size}{entry['modified']})"


def _entry(directory: int, entry: Entry, *, details: bool) -> Json:
    known: Json = {"name": entry.shown, "type": entry.type}
    if not details or entry.type not in ("file", "directory"):
        return known
    found = facts(directory, entry.name)
    if found is not None and entry.type == "file":
        known["size"] = found.st_size
    if found is not None:
        known["modified"] = _time(found.st_mtime)
    return known


def _directory_tree(desk: Desk, asked: DirectoryTree, pulse: Pulse) -> Answer:
    starts = desk.places.starts(asked.path)
    left = desk.settings.max_entries
    depth = min(asked.depth or desk.settings.max_depth, desk.settings.max_depth)
    trees: list[list[Json]] = []
    for start in starts:
        tree, left = _tree(desk, start, (depth, left), asked, pulse)
        trees.append(tree)
    whole = trees[0]
    if len(starts) > 1:
        pairs = zip(starts, trees, strict=True)
        whole = [{"name": start.root.alias, "type": "directory", "children": tree} for start, tree in pairs]
    content = [said(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())]
    if left <= 0:
        bounds = f"{desk.settings.max_entries:,} entries, or {desk.settings.search_time:g} s"
        content.append(said(f"(cut after {bounds}: ask for less `depth`, or for a directory in it)"))
    return Answer(content)


def _tree(
    desk: Desk, start: Place, bounds: tuple[int, int], asked: DirectoryTree, pulse: Pulse
) -> tuple[list[Json], int]:
    """The tree beneath a place, and how many entries are left of those that may be shown."""
    depth, left = bounds
    excludes = lenient(asked.exclude)
    skips = None if asked.include_ignored else partial(Ignoring, desk.files)
    began = time.perf_counter()
    levels: list[list[Json]] = [[]]
    left_out: set[str] = set()
    with closing(walk(desk.files, start, depth, pulse, skips)) as everything:
        for found in everything:
            directory = found.entry.type == "directory"
            above = found.relative.rpartition("/")[0]
            if above in left_out or (excludes and is_excluded(excludes, found.relative, directory)):
                left_out |= {found.relative} if directory else set()
                continue
            if left <= 0 or pulse.late(began, desk.settings.search_time):
                return levels[0], 0
            left -= 1
            node: Json = {"name": found.entry.shown, "type": found.entry.type}
            del levels[found.depth :]
            levels[-1].append(node)
            if directory:
                children: list[Json] = []
                node["children"] = children
                levels.append(children)
                if found.depth == depth:
                    node["not_shown"] = True
    return levels[0], left


def _search_files(desk: Desk, asked: SearchFiles, pulse: Pulse) -> Answer:
    most = min(asked.max_results, desk.settings.max_results)
    wanted = Wanted(
        asked.pattern, asked.text, asked.regex, asked.case_sensitive, tuple(asked.exclude), asked.include_ignored, most
    )
    outcome = search(desk.files, desk.places.starts(asked.path), wanted, pulse)
    lines = [_hit(hit) for hit in outcome.hits]
    content = [said("\n".join(lines) or "No matches found")]
    if outcome.cut is not None:
        content.append(said(f"(not everything: {outcome.cut}; narrow the search)"))
    known: Json = {"matches": outcome.hits, "searched": outcome.searched, "complete": outcome.cut is None}
    return Answer(content, known)


def _hit(hit: Hit) -> str:
    line = hit.path if hit.line is None else f"{hit.path}:{hit.line}: {hit.text}"
    return f"{line}\n{hit.path}: {hit.more:,} more lines" if hit.more else line


def _get_file_info(desk: Desk, asked: GetFileInfo, pulse: Pulse) -> Answer:
    place = desk.places.read(asked.path)
    found = desk.files.look(place)
    kind = type_of(found)
    born = getattr(found, "st_birthtime", None)
    known: Json = {
        "path": place.shown,
        "type": kind,
        "size": found.st_size,
        "modified": _time(found.st_mtime),
        "accessed": _time(found.st_atime),
        **({} if born is None else {"created": _time(born)}),
        "permissions": f"{found.st_mode & 0o777:03o}",
        "writable": place.root.writable and not desk.files.protection.protects(place),
        **({"mime": contents.by_name(place.name), "links": found.st_nlink} if kind == "file" else {}),
    }
    return Answer([said("\n".join(f"{name}: {_plain(value)}" for name, value in known.items()))], known)


def _list_allowed_directories(desk: Desk, asked: Nothing, pulse: Pulse) -> Answer:
    known: list[Json] = []
    for root in desk.places.roots:
        path = {"path": str(root.path)} if desk.settings.show_paths else {}
        known.append({"name": root.alias, "writable": root.writable, **path})
    lines = [
        " ".join(
            (
                root["name"],
                *([f"= {root['path']}"] if "path" in root else []),
                "(may be written)" if root["writable"] else "(read-only)",
            )
        )
        for root in known
    ]
    how = "Paths are relative to it." if len(known) == 1 else "Paths begin with one of these names."
    return Answer([said("\n".join(["Served directories:", *lines, how]))], {"directories": known})


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_TEXT, _NUMBER, _YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_ENTRIES = shape({"name": _TEXT, "type": _TEXT, "size": _NUMBER, "modified": _TEXT}, "size", "modified")
_MATCHES = shape({"path": _TEXT, "line": _NUMBER, "text": _TEXT, "more": _NUMBER}, "line", "text", "more")

TOOLS = (
    Tool(
        "list_directory",
        "List a directory",
        "What is in a directory, by name. Long lists come in pages.",
        ListDirectory,
        _list_directory,
        shape(
            {
                "path": _TEXT,
                "entries": {"type": "array", "items": _ENTRIES},
                "total": _NUMBER,
                "next_offset": _NUMBER,
            },
            "next_offset",
        ),
        long=True,
    ),
    Tool(
        "directory_tree",
        "Show a tree of directories",
        "A directory with everything beneath it, as JSON. What .gitignore files name is left out.",
        DirectoryTree,
        _directory_tree,
        long=True,
    ),
    Tool(
        "search_files",
        "Search files",
        "Finds files by name, by content, or both. What .gitignore files name is left out.",
        SearchFiles,
        _search_files,
        shape({"matches": {"type": "array", "items": _MATCHES}, "searched": _NUMBER, "complete": _YES}),
        long=True,
    ),
    Tool(
        "get_file_info",
        "Facts about a file",
        "Type, size, times and permissions of a file or directory.",
        GetFileInfo,
        _get_file_info,
        shape(
            {
                "path": _TEXT, "type": _TEXT, "size": _NUMBER, "modified": _TEXT, "accessed": _TEXT, "created": _TEXT,
                "permissions": _TEXT, "writable": _YES, "mime": _TEXT, "links": _NUMBER,
            },
            "created", "mime", "links",
        ),
    ),
    Tool(
        "list_allowed_directories",
        "List what is served",
        "The directories that this server serves, how paths into them begin, and whether they may be written.",
        Nothing,
        _list_allowed_directories,
        shape(
            {
                "directories": {
                    "type": "array", "items": shape({"name": _TEXT, "writable": _YES, "path": _TEXT}, "path")
                }
            }
        ),
    ),
)  # fmt: skip
