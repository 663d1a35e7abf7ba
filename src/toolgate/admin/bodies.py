"""What a request brings: JSON within limits, conditions, parameters, and records made of them."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec

from toolgate.admin.exchange import Asked
from toolgate.admin.paths import HIDDEN
from toolgate.admin.problems import Wrong
from toolgate.control.kinds import flaws
from toolgate.model.entities import Entity
from toolgate.model.errors import Refused
from toolgate.rules.facts import Finding
from toolgate.rules.names import meant
from toolgate.rules.validity import fields

E = TypeVar("E", bound=Entity)
S = TypeVar("S", bound=msgspec.Struct)

MOST_BYTES = 3 * 1024 * 1024
"""Of one body. A connector in search mode is the largest thing that a record holds: up to 2 MiB."""

MOST_VALUES = 250_000
"""Of one body, about: its commas. A plan of ten thousand records has fewer."""

MOST_DEPTH = 32
MOST_UNKNOWN = 20
"""Members of one object that are named as unknown: what was meant by each is looked for."""

MOST_PARAMETERS = 32
MOST_LISTED = 1000
LIST = 100
"""Records of a page where nothing was said."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""What `_NO_TEXT` finds stands in JSON in no other way."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_ETAG = re.compile(r'"([0-9]{1,15})"')
_NUMBER = re.compile(r"[0-9]{1,15}")
_STAMP = "stamp"


def filled(values: dict[str, Any], form: type[S], what: str) -> S:
    """Raises Refused with a finding for each member that does not fit; none repeats a value. `what` names the form."""
    known = {field.encode_name for field in msgspec.structs.fields(form)}
    findings = _unknown(values, known, f"{what} has no such member")
    findings += flaws(form, {name: value for name, value in values.items() if name in known})
    if findings:
        raise Refused(tuple(findings))
    return msgspec.convert(values, form)


def _unknown(given: Iterable[str], known: Collection[str], reason: str) -> list[Finding]:
    """The first of the members that are not known, and how many more there are."""
    names = [name for name in given if name not in known]
    told = [(name, f"{reason}{meant(name, known)}") for name in names[:MOST_UNKNOWN]]
    left = len(names) - len(told)
    return [*told, ("", f"and {left} more members that are not known")] if left else told


def read_object(asked: Asked, *media: str) -> dict[str, Any]:
    """The body as a JSON object. Raises Wrong: 413, 415, or 400 with the reason."""
    if len(asked.body) > MOST_BYTES:
        raise Wrong(413, f"The body is larger than {MOST_BYTES} bytes.")
    kind = (asked.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind not in media or b"content-type" in asked.repeated:
        raise Wrong(415, f"Content-Type must be {' or '.join(media)}.")
    if asked.body.count(b",") > MOST_VALUES:
        raise Wrong(413, f"The body holds more than {MOST_VALUES} values.")
    try:
        value = msgspec.json.decode(asked.body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Wrong(400, f"The body is not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise Wrong(400, "The body must be one JSON object.")
    found = cast("dict[str, Any]", value)
    _judge_depth(found)
    if _ESCAPED.search(asked.body):
        _judge_text(found)
    return found


def _judge_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise _too_deep()


def _judge_text(value: Any) -> None:
    """No text holds NUL, which databases cannot keep, or half of a surrogate pair, which is no character."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if _NO_TEXT.search(one):
                raise Wrong(400, "The body holds a character that no text may hold (U+0000, or a lone surrogate).")
        elif isinstance(one, dict):
            waiting.extend(cast("dict[str, Any]", one))
            waiting.extend(_inside(one))
        else:
            waiting.extend(_inside(one))


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _too_deep() -> Wrong:
    return Wrong(400, f"The body is nested deeper than {MOST_DEPTH} levels.")


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged member by member, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(cast("dict[str, Any]", target)) if isinstance(target, dict) else {}
    for name, value in cast("dict[str, Any]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def record(entity: type[E], values: Mapping[str, Any], *, name: str | None = None, hidden: Mapping[str, str]) -> E:
    """A record of plain values. `name` is the one in the URL, which the body may repeat; `hidden` are the fields that
    nobody sets. A `stamp` counts for nothing: it is the store's. Raises Refused with a finding for each field."""
    given = {field: value for field, value in values.items() if field != _STAMP}
    set_by_nobody = HIDDEN.get(entity, frozenset[str]())
    findings = [(field, "nobody can set this field") for field in given if field in set_by_nobody]
    if name is not None and given.setdefault("name", name) != name:
        findings.append(("name", f"it must be {name!r}, as in the URL: a rename is a new record"))
    given |= hidden
    known = {field.encode_name for field in msgspec.structs.fields(entity)}
    findings += _unknown(given, known - {_STAMP}, f"a {entity.noun()} has no such field")
    findings += fields.crowded(given)
    findings += flaws(entity, {field: value for field, value in given.items() if field in known})
    if findings:
        raise Refused(tuple(findings))
    return msgspec.convert(given, entity)


def seen_version(asked: Asked) -> int | None:
    """The version in If-Match; None when there is none. Raises Wrong: 400 for what is no version of ours."""
    value = asked.header(b"if-match")
    if value is None:
        return None
    found = _ETAG.fullmatch(value.strip())
    if found is None or b"if-match" in asked.repeated:
        raise Wrong(400, 'If-Match must be one version, as the ETag of an answer says it: `If-Match: "3"`.')
    return int(found[1])


def required_version(asked: Asked) -> int:
    """Raises Wrong: 428 without If-Match."""
    version = seen_version(asked)
    if version is None:
        raise Wrong(428, 'Say which version you saw: `If-Match: "3"`, from the ETag of an answer.')
    return version


def parameters(asked: Asked) -> dict[str, str]:
    """Query parameters. Raises Wrong: 400 for too many, or one that is repeated."""
    try:
        pairs = parse_qsl(asked.query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Wrong(400, f"There may be {MOST_PARAMETERS} query parameters at most.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Wrong(400, "A query parameter is given twice.")
    return found


def number(found: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """Takes a number out of the parameters. Raises Wrong: 400."""
    text = found.pop(name, None)
    if text is None:
        return default
    if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
        raise Wrong(400, f"`{name}` must be a number from {least} to {most}.", ((name, "out of range"),))
    return int(text)
