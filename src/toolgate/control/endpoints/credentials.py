"""Which parts of a request are secrets, and how a connector shows them without holding them."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.rules import headers, plaintext, references

_WORDS = frozenset({
    "apikey", "appid", "auth", "authentication", "authorization", "cookie", "credential", "credentials", "csrf", "jwt",
    "key", "pass", "passphrase", "passwd", "password", "pat", "pwd", "secret", "session", "sessionid", "sid", "sig",
    "signature", "token", "xsrf",
})  # fmt: skip
_TELLING = _WORDS - {"key", "token", "session", "auth"}
"""Those that mean a secret wherever they stand in a name: `sort_key` and `page_token` are none."""

_PLACES = frozenset({"page", "next", "previous", "prev", "continuation", "cursor", "sync", "resume", "start", "count"})
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ONCE = frozenset({
    "idempotency-key", "x-idempotency-key", "sec-websocket-key", "if-match", "if-none-match", "x-request-id",
    "x-correlation-id", "traceparent", "tracestate",
})  # fmt: skip
"""Headers of one request alone, which would be wrong in the next."""

_NOISE = frozenset({
    "user-agent", "referer", "origin", "cache-control", "pragma", "dnt", "priority", "accept-language", "date",
    "upgrade-insecure-requests", "forwarded", "x-requested-with", "x-forwarded-for", "expires",
})  # fmt: skip
"""What browsers and proxies put in beside."""

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9-]{0,19}) +(?P<prefix>[A-Za-z_-]{1,20}=)?(?P<secret>\S+)")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<plain>[A-Za-z_]\w*))")
_RANDOM = re.compile(r"[A-Za-z0-9_\-+/]{20,}={0,2}")
_PLACEHOLDER = re.compile(
    r"[<\[{(].*[>\]})]|.*(?:\byour[_ -]|xxxx|\.\.\.|\*\*\*).*"
    r"|(?:my[_ -]?)?(?:api[_ -]?)?(?:access[_ -]?)?(?:token|key|secret|password)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[^a-z0-9]+")


class Found(msgspec.Struct, frozen=True):
    """One part of a credential. `value` is the secret itself, or a reference where one was written; no repr shows it.
    One that is no `secret` may stand in a record as it is."""

    field: str
    value: str
    secret: bool = True

    def __repr__(self) -> str:
        return f"Found({self.field!r})"

    @property
    def is_reference(self) -> bool:
        return references.find(self.value) is not None

    @property
    def is_placeholder(self) -> bool:
        """Whether it is what documentation has in its place: `YOUR_API_KEY`, `<token>`."""
        return _PLACEHOLDER.fullmatch(self.value) is not None


class Shown(msgspec.Struct, frozen=True):
    """How a request is signed: `auth` of a connector, without `test`; None where it is not. `rest` are the headers that
    are no secrets."""

    auth: dict[str, Any] | None
    found: tuple[Found, ...]
    rest: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]


def is_secret_header(name: str) -> bool:
    """Errs towards secrets: what is taken for one is stored apart, and works all the same."""
    return bool(_WORDS.intersection(_words(name))) or plaintext.is_secret_name(name)


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter or member of this name holds a secret. Where it does, it is not taken: so names that mostly
    mean something else are not counted."""
    words = _words(name)
    if words[-1:] == ["token"] and _PLACES.intersection(words):
        return False
    return words in (["key"], ["token"], ["auth"], ["session"]) or bool(
        _TELLING.intersection(words) or plaintext.is_secret_name(name)
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def looks_secret(value: str) -> bool:
    """Whether a value has the form of a key: long, with letters and digits in no order that a word has."""
    if plaintext.has_secret_shape(value):
        return True
    digits = sum(character.isdigit() for character in value)
    letters = sum(character.isalpha() for character in value)
    return _RANDOM.fullmatch(value) is not None and digits >= 3 and letters >= 6 and not _is_slug(value)


def _is_slug(value: str) -> bool:
    """Words and dates with hyphens between them, as `2026-invoice-for-march`."""
    parts = re.split(r"[-_]", value)
    return len(parts) > 2 and all(part.isalpha() or part.isdigit() for part in parts)


def shown(given: Sequence[tuple[str, str]], user: str | None) -> Shown:
    """Raises ConfigError for a header that nobody but Toolgate sets, and for a credential twice."""
    remarks: list[str] = []
    secrets: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    findings: list[str] = []
    for name, value in given:
        low = name.lower()
        if low in _ONCE or low in _NOISE or low.startswith(("sec-", "x-forwarded-")):
            if low in _ONCE:
                remarks.append(f"the header {name} is left out: it is for one request alone")
        elif is_secret_header(name) or looks_secret(value):
            secrets.append((name, value))
        elif low != "accept" and headers.flaw(name) is not None:
            remarks.append(f"the header {name} is left out: {headers.flaw(name)}")
        else:
            rest.append((name, value))
    for name, _ in secrets:
        if headers.flaw(name) is not None or name.lower() == "proxy-authorization":
            findings.append(f"{name}: {headers.flaw(name) or 'where the gateway dials is for its own settings'}")
        if name.lower() == "cookie":
            remarks.append("a cookie ends with the session that it is of: a token of the API lasts longer")
    if user is not None and any(name.lower() == "authorization" for name, _ in secrets):
        findings.append("Authorization: stands twice, as a header and as a user with a password")
    if findings:
        raise ConfigError(tuple(findings))
    auth, found = _auth(secrets, user)
    return Shown(auth, found, tuple(rest), tuple(remarks))


def _auth(secrets: Sequence[tuple[str, str]], user: str | None) -> tuple[dict[str, Any] | None, tuple[Found, ...]]:
    named = {name.lower(): (name, value) for name, value in secrets}
    basic = _basic(named.pop("authorization")[1]) if _is_basic(named) else user
    templates: dict[str, str] = {}
    found: list[Found] = []
    taken = set[str]() if basic is None else {"user", "password", "token"}
    for name, value in named.values():
        field = "token" if len(named) == 1 and basic is None else _field(name)
        if field in taken:  # X-Api-Key and Api-Key
            field = next(free for n in range(2, len(named) + 2) if (free := f"{field[:37]}_{n}") not in taken)
        taken.add(field)
        template, secret = _template(field, value)
        templates[name] = template
        found.append(Found(field, secret))
    made: dict[str, Any] = {"id": "key", "title": "Key of the API", "fields": {}}
    if basic is not None:
        parts = _user(basic)
        found += parts
        if len(parts) == 2:
            made["basic"] = [part.field for part in parts]
        else:
            templates["Authorization"] = f"Basic {{{parts[0].field}}}"
    if not found:
        return None, ()
    made["fields"] = {one.field: _about(one, templates) for one in found}
    if templates:
        made["headers"] = templates
    return made, tuple(found)


def _about(one: Found, templates: dict[str, str]) -> dict[str, Any]:
    header = next((name for name, template in templates.items() if f"{{{one.field}}}" in template), None)
    if header is None:
        return {"help": "The user's name" if not one.secret else "The user's password", "secret": one.secret}
    return {"help": f"What stands in the header {header}"}


def _field(header: str) -> str:
    name = _FIELD.sub("_", header.lower().removeprefix("x-")).strip("_")[:40]
    return name if name[:1].isalpha() else f"key_{name}"[:40]


def _template(field: str, value: str) -> tuple[str, str]:
    """`Bearer abc` -> `Bearer {token}`, `abc`. A variable of the shell becomes a reference to one of the gateway's."""
    value = _of_variable(value)
    reference = references.find(value)
    if reference is not None:
        scheme = f"{reference.scheme} " if reference.scheme else ""
        return f"{scheme}{{{field}}}", reference.secret
    parts = _SCHEME.fullmatch(value)
    if parts is None:
        return f"{{{field}}}", value
    prefix, secret = parts["prefix"] or "", parts["secret"]
    quote = '"' if len(secret) > 2 and secret[0] == secret[-1] == '"' else ""
    return f"{parts['scheme']} {prefix}{quote}{{{field}}}{quote}", secret.strip('"') if quote else secret


def _of_variable(value: str) -> str:
    """`Bearer $TOKEN` as `Bearer env:TOKEN`."""
    scheme, space, last = value.rpartition(" ")
    found = _VARIABLE.fullmatch(last)
    return value if found is None else f"{scheme}{space}env:{found['braced'] or found['plain']}"


def _is_basic(named: dict[str, tuple[str, str]]) -> bool:
    return "authorization" in named and _basic(named["authorization"][1]) is not None


def _basic(value: str) -> str | None:
    """User and password of RFC 7617; None for another scheme, and for a reference."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic" or references.find(value) is not None:
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if ":" in text else None


def _user(text: str) -> list[Found]:
    """Name and password. Where one of them is empty the other is a key, and the whole, as it is written, is secret."""
    name, _, password = text.partition(":")
    if not name or not password:
        return [Found("token", base64.b64encode(text.encode()).decode())]
    secret = _of_variable(name) != name or looks_secret(name)
    return [Found("user", _of_variable(name), secret), Found("password", _of_variable(password))]
