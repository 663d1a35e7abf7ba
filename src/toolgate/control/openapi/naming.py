"""Names of tools and arguments: short, of one form, and the same tomorrow.

A tool's name is a verb and what it is about, from the operationId where that says something, else from method and path.
It depends on its own operation; where two want one name, all but one get a hash of their method and path, which does
not change when the document grows.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from toolgate.control.openapi.document import Operation

LONGEST = 40
_HASH = 6

_WORD = re.compile(
    r"[vV][0-9]+(?:(?:alpha|beta)[0-9]*)?(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+"
)
_VERSIONED = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]*)?|core")
_VERSION = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]*)?|api|rest|json|latest|beta|alpha")
_SYNONYMS: Mapping[str, str] = {
    "fetch": "get", "retrieve": "get", "read": "get", "show": "get", "index": "list", "query": "search", "add": "add",
    "destroy": "delete", "del": "delete", "edit": "update", "modify": "update", "patch": "update", "browse": "list",
    "post": "create", "insert": "create", "put": "replace", "describe": "get", "lookup": "find",
}  # fmt: skip
VERBS = frozenset({
    "get", "list", "search", "create", "update", "delete", "remove", "add", "set", "replace", "find", "check", "count",
    "send", "start", "stop", "cancel", "run", "upload", "download", "export", "import", "merge", "close", "open",
    "archive", "restore", "enable", "disable", "approve", "reject", "assign", "unassign", "copy", "move", "publish",
    "unpublish", "lock", "unlock", "subscribe", "unsubscribe", "invite", "join", "leave", "generate", "validate",
    "verify", "refresh", "reset", "test", "preview", "convert", "connect", "disconnect", "attach", "detach", "sync",
    "batch", "compare", "render", "redeliver", "rename", "transfer", "follow", "unfollow", "star", "unstar", "watch",
    "submit", "complete", "resolve", "retry", "pause", "resume", "log", "request", "revoke", "rotate", "register",
    "deregister", "schedule", "trigger", "dispatch", "execute", "apply", "mark", "pin", "unpin", "mute", "unmute",
    "block", "unblock", "capture", "confirm", "void", "finalize", "pay", "refund", "place", "login", "logout", "ping",
    "poll", "push", "pull", "scan", "prune", "kill", "wait", "inspect", "build", "load", "save", "clear", "evaluate",
    "suspend", "unsuspend", "upsert", "append", "review", "dismiss", "rerun", "force", "commit", "authorize", "attest",
    "purge", "trash", "duplicate", "clone", "fork", "tag", "rebuild", "reopen", "acknowledge", "snooze", "estimate",
    "calculate", "simulate", "translate", "classify", "embed", "analyze", "summarize", "moderate", "predict", "rate",
    "vote", "bulk", "unlink", "link", "grant", "deny", "accept", "decline", "ack", "patch", "exec", "rollback",
    "interrupt", "restart", "activate", "deactivate", "release", "sort", "share", "unshare", "reorder",
    "read", "fetch", "retrieve", "show", "index", "query", "destroy", "edit", "modify", "post", "put", "insert",
    "describe", "browse", "lookup", "del",
})  # fmt: skip
_SINGULAR_AS_IS = ("ss", "us", "is", "news", "series", "sas")
_ARTICLES = frozenset({"a", "an", "the"})
_OF_HTTP = frozenset({"get", "post", "put", "patch", "delete"})
_ASKING = frozenset({"get", "list", "search", "read", "fetch", "find", "query", "retrieve"})
_GLUE = frozenset({"by", "for", "of", "in", "to", "with", "from", "or", "and", "on"})


def words(said: str) -> list[str]:
    """`repos/listPullRequests` -> repos, list, pull, requests."""
    return [word.lower() for word in _WORD.findall(said) if word.isascii()]


def snake(said: str) -> str:
    """A name for an argument: at most 40 of a-z, 0-9 and _, beginning with a letter."""
    name = "_".join(words(said))
    if not name:
        return f"p_{digest(said)}"
    if not name[0].isalpha():
        name = f"p_{name}"
    return shortened(name, said)


def digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]


def shortened(name: str, said: str) -> str:
    """At most 40 characters; what is cut gets a hash of what was said."""
    if len(name) <= LONGEST:
        return name
    return f"{_cut(name)}_{digest(said)}"


def _cut(name: str) -> str:
    """Whole words, with room for a hash."""
    most = LONGEST - _HASH - 1
    head = name[:most]
    if name[most : most + 1] not in ("", "_"):
        head = head.rpartition("_")[0] or head
    return head.rstrip("_")


def names(operations: Sequence[Operation], lists: Mapping[str, bool], taken: Mapping[str, str]) -> dict[str, str]:
    """A name for each operation, by its key. `lists` says of operations whether they answer a list. `taken` are names
    that stand already, by key: they stay."""
    wanted = {one.key: wished(one, lists.get(one.key)) for one in operations}
    found = {key: name for key, name in taken.items() if key in wanted}
    held = set(found.values())
    groups: dict[str, list[str]] = {}
    for key, name in wanted.items():
        if key not in found:
            groups.setdefault(name, []).append(key)
    for name, keys in groups.items():
        # The shortest path is the one that people mean.
        first, *others = sorted(keys, key=lambda key: (key.count("/"), len(key), key))
        for key in keys if name in held else others:
            found[key] = _told_apart(name, key)
        if name not in held:
            found[first] = name
            held.add(name)
    return found


def _told_apart(name: str, key: str) -> str:
    base = name if len(name) + _HASH + 1 <= LONGEST else _cut(name)
    return f"{base}_{digest(key)}"


def wished(operation: Operation, is_list: bool | None) -> str:
    """The name that an operation wants."""
    parts = _said(operation)
    found = [] if parts is None else _from_id(operation, parts)
    if not found:
        found = _from_path(operation, is_list)
    verb = _SYNONYMS.get(found[0], found[0])
    if verb == "replace" and operation.method == "PUT" and found[0] == "put":
        verb = "update"
    if verb == "list" and is_list is False:
        verb = "get"
    elif verb in ("get", "find") and is_list and not _by_id(operation.path) and operation.method == "GET":
        verb = "list"
    named = "_".join([verb, *_without_repeats(verb, found[1:])])
    return shortened(named if named[0].isalpha() else f"do_{named}", operation.key)


def _said(operation: Operation) -> list[str] | None:
    """The words of an operationId that somebody meant; None for one that says nothing."""
    if not operation.has_own_id:
        return None
    said = operation.id
    # FastAPI: the function's name, then the path and the method.
    tail = re.sub(r"\W", "_", operation.path) + "_" + operation.method.lower()
    if said.endswith(tail) and len(said) > len(tail):
        said = said[: -len(tail)].rstrip("_")
    parts = words(said)
    if not parts or len(said) > 200 or (len(parts) == 1 and parts[0].isdigit()):
        return None
    return parts


def _from_id(operation: Operation, parts: list[str]) -> list[str]:
    """Verb first. What stands before the verb says what it is about: it is kept where the rest would not tell."""
    place = next((at for at, word in enumerate(parts) if word in VERBS), None)
    if place is None:
        if len(parts) > 6:
            return []
        return [_verb(operation, None), *parts]
    group, verb, rest = parts[:place], parts[place], parts[place + 1 :]
    group = [word for word in group if not _VERSION.fullmatch(word)][-2:]
    if verb in _OF_HTTP and rest and rest[0] in _ASKING - _OF_HTTP:
        verb, rest = rest[0], rest[1:]
    rest = [word for word in rest if word not in _ARTICLES and not _VERSIONED.fullmatch(word)]
    if not rest:
        subject = [*group[:-1], *_number(group[-1:], verb, operation)]
        about = [word for word in _subject(operation.path) if word != verb]
        return [verb, *(subject or _number(about, verb, operation))]
    if rest[0] == "or" and len(rest) > 1:
        return [verb, *rest]
    if len(rest) == 1 and group and singular(group[-1]) != singular(rest[0]):
        return [verb, singular(group[-1]), *rest]
    if rest[0] in _GLUE and group:
        return [verb, *_number(group[-1:], verb, operation), *rest]
    return [verb, *rest]


def _from_path(operation: Operation, is_list: bool | None) -> list[str]:
    """The method's verb, unless the path ends with one: `POST /kernels/{id}/restart`."""
    subject = _subject(operation.path)
    if operation.method in ("POST", "PUT") and len(subject) > 1 and subject[-1] in VERBS - _OF_HTTP:
        return [subject[-1], *(singular(word) for word in subject[:-1])]
    verb = _verb(operation, is_list)
    return [verb, *subject[:-1], singular(subject[-1]) if verb == "create" else subject[-1]]


def _number(group: list[str], verb: str, operation: Operation) -> list[str]:
    """One thing, or several: as the verb says."""
    many = verb in ("list", "search", "index", "browse", "query") or (verb == "find" and not _by_id(operation.path))
    return [word if many else singular(word) for word in group]


def singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(_SINGULAR_AS_IS):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def _verb(operation: Operation, is_list: bool | None) -> str:
    if operation.method == "GET":
        many = not _by_id(operation.path) if is_list is None else is_list
        return "list" if many and is_list is not False else "get"
    return {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}[operation.method]


def _by_id(path: str) -> bool:
    return path.rstrip("/").endswith("}")


def _subject(path: str) -> list[str]:
    """What a path is about: its last two names, those before an id as one thing."""
    parts = [part for part in path.split("/") if part]
    found: list[list[str]] = []
    for at, part in enumerate(parts):
        if "{" in part:
            continue
        said = [word for word in words(part) if not _VERSION.fullmatch(word)]
        if said:
            one = at + 1 < len(parts) and "{" in parts[at + 1]
            found.append([*said[:-1], singular(said[-1])] if one else said)
    return [word for part in found[-2:] for word in part] or ["root"]


def _without_repeats(verb: str, parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        again = part == verb or (verb in _ASKING and part in _ASKING)
        if (not kept and again) or (kept and kept[-1] == part):
            continue
        kept.append(part)
    return kept
