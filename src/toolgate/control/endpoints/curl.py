"""A curl command to a sample of its request. What curl would do beyond asking once is left out or refused, and said."""

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus

from toolgate.control.endpoints import lexing
from toolgate.control.endpoints.samples import Sample, header
from toolgate.model.errors import ConfigError
from toolgate.rules.names import meant

MOST_CHARACTERS = 256 * 1024

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_MULTIPART = "files and multipart bodies are not sent; use an endpoint that takes JSON"
_OTHER_SIGN_IN = "this way to sign in is not there: use a token, or -u with a user and password"
_ELSEWHERE = "where the gateway dials is for its own settings"
_FILE = "files of this machine are not read"

_SHORT = {
    "X": "request", "H": "header", "d": "data", "u": "user", "G": "get", "F": "form", "T": "upload-file", "b": "cookie",
    "k": "insecure", "x": "proxy", "K": "config", "E": "cert", "n": "netrc", "I": "head", "A": "user-agent",
    "e": "referer", "o": "output", "m": "max-time", "w": "write-out", "s": "silent", "S": "show-error", "i": "include",
    "v": "verbose", "L": "location", "f": "fail", "N": "no-buffer", "g": "globoff", "#": "progress-bar",
    "O": "remote-name", "j": "junk-session-cookies", "c": "cookie-jar", "r": "range", "1": "tlsv1", "4": "ipv4",
    "6": "ipv6", "0": "http1.0", "q": "disable",
}  # fmt: skip
_WITH_VALUE = frozenset({
    "request", "header", "data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json", "user", "url",
    "url-query", "cookie", "oauth2-bearer",
})  # fmt: skip
_PASSED_OVER_WITH_VALUE = frozenset({
    "user-agent", "referer", "output", "max-time", "connect-timeout", "write-out", "retry", "retry-delay",
    "retry-max-time", "cookie-jar", "max-redirs", "stderr",
})  # fmt: skip
_PASSED_OVER = frozenset({
    "silent", "show-error", "include", "verbose", "location", "fail", "fail-with-body", "compressed", "no-buffer",
    "globoff", "progress-bar", "no-progress-meter", "http1.1", "http2", "http3", "http1.0", "junk-session-cookies",
    "tlsv1.2", "tlsv1.3", "tlsv1", "ipv4", "ipv6", "remote-name", "disable", "path-as-is", "tcp-nodelay",
})  # fmt: skip
_REFUSED: Mapping[str, str] = {
    "form": _MULTIPART, "form-string": _MULTIPART, "upload-file": _MULTIPART,
    "insecure": "certificates are always checked; for a CA of your own there is the setting `ca_file`",
    "cacert": "give it as the setting `ca_file`", "capath": "give a file as the setting `ca_file`",
    "proxy": _ELSEWHERE, "resolve": _ELSEWHERE, "connect-to": _ELSEWHERE, "unix-socket": _ELSEWHERE,
    "socks5": _ELSEWHERE, "interface": _ELSEWHERE,
    "cert": "client certificates are not shown", "key": "client certificates are not shown",
    "config": _FILE, "netrc": _FILE, "netrc-file": _FILE,
    "digest": _OTHER_SIGN_IN, "ntlm": _OTHER_SIGN_IN, "negotiate": _OTHER_SIGN_IN, "anyauth": _OTHER_SIGN_IN,
    "aws-sigv4": _OTHER_SIGN_IN,
    "head": "an answer without a body tells a model nothing",
    "next": "one request is read", "parallel": "one request is read", "range": "parts of files are not asked for",
}  # fmt: skip


def parse(text: str) -> Sample:
    """Raises ConfigError, whose findings repeat no value that could be a secret."""
    if len(text) > MOST_CHARACTERS:
        raise ConfigError((f"curl: longer than {MOST_CHARACTERS} characters",))
    if "^\n" in text.replace("\r\n", "\n"):
        raise ConfigError(("curl: this is written for cmd.exe of Windows: copy it as cURL for bash",))
    words = lexing.words(text.strip().removeprefix("$ ").strip())
    if not words or words[0].rpartition("/")[2] not in ("curl", "curl.exe"):
        raise ConfigError(("curl: this is no curl command: it begins with `curl`",))
    reading = _Reading()
    reading.take(words[1:])
    return reading.sample()


class _Reading:
    """What the options said so far."""

    def __init__(self) -> None:
        self._findings: list[str] = []
        self._remarks: list[str] = []
        self._urls: list[str] = []
        self._method: str | None = None
        self._headers: list[tuple[str, str]] = []
        self._data: list[str] = []
        self._type: str | None = None
        self._user: str | None = None
        self._get = False
        self._queries: list[str] = []
        self._takers: Mapping[str, Callable[[str], None]] = {
            "request": self._request,
            "header": self._header,
            "data": self._plain,
            "data-ascii": self._plain,
            "data-binary": self._plain,
            "data-raw": self._data.append,
            "data-urlencode": self._urlencode,
            "json": self._json,
            "user": self._sign_in,
            "url": self._urls.append,
            "url-query": self._queries.append,
            "cookie": self._cookie,
            "oauth2-bearer": lambda value: self._headers.append(("Authorization", f"Bearer {value}")),
        }

    def take(self, words: Sequence[str]) -> None:
        at = 0
        while at < len(words):
            word = words[at]
            at += 1
            if word == "--" or not word.startswith("-") or word == "-":
                self._urls.extend([] if word == "--" else [word])
                continue
            if word.startswith("--"):
                at = self._long(word[2:], words, at)
                continue
            at = self._short(word[1:], words, at)

    def _short(self, letters: str, words: Sequence[str], at: int) -> int:
        """`-sSL`, `-XPOST`, `-H` and its value."""
        for place, letter in enumerate(letters):
            name = _SHORT.get(letter)
            if name is None:
                self._findings.append(f"-{letter}: this option is not known")
                return at
            if name in _WITH_VALUE or name in _PASSED_OVER_WITH_VALUE or name in ("form", "upload-file", "proxy"):
                rest = letters[place + 1 :]
                if not rest:
                    return self._long(name, words, at)
                self._long(name, [rest], 0)
                return at
            self._long(name, words, at)
        return at

    def _long(self, name: str, words: Sequence[str], at: int) -> int:
        """Takes one option; answers where the words after it begin."""
        if name in _REFUSED:
            self._findings.append(f"--{name}: {_REFUSED[name]}")
            takes = at < len(words) and not words[at].startswith("-") and name not in ("head", "insecure", "netrc")
            return at + takes
        if name in _PASSED_OVER:
            return at
        if name == "get":
            self._get = True
            return at
        if name not in _WITH_VALUE and name not in _PASSED_OVER_WITH_VALUE:
            known = (*_WITH_VALUE, *_PASSED_OVER, *_PASSED_OVER_WITH_VALUE, "get")
            self._findings.append(f"--{name[:40]}: this option is not known{meant(name, known)}")
            return at
        if at >= len(words):
            self._findings.append(f"--{name}: its value is missing")
            return at
        taker = self._takers.get(name)
        if taker is not None:
            taker(words[at])
        return at + 1

    def _request(self, value: str) -> None:
        self._method = value.upper()

    def _header(self, value: str) -> None:
        if value.startswith("@"):
            self._findings.append(f"--header: {_FILE}")
            return
        found = header(value)
        if found is None:
            self._findings.append("--header: expected `Name: value`")
        elif found[0].lower() == "content-type":
            self._type = found[1]
        elif found[1]:
            self._headers.append(found)

    def _plain(self, value: str) -> None:
        if value.startswith("@"):
            self._findings.append(f"--data: {_FILE}: put the body itself there")
        else:
            self._data.append(value)

    def _json(self, value: str) -> None:
        self._plain(value)
        self._type = self._type or _JSON

    def _urlencode(self, value: str) -> None:
        name, equals, content = value.partition("=")
        if "@" in name:
            self._findings.append(f"--data-urlencode: {_FILE}")
        elif not equals:
            self._data.append(quote_plus(name))
        else:
            self._data.append(f"{name}={quote_plus(content, safe='{}')}" if name else quote_plus(content))

    def _sign_in(self, value: str) -> None:
        if ":" not in value:
            self._findings.append("--user: expected USER:PASSWORD (curl would ask for the password now)")
        self._user = value

    def _cookie(self, value: str) -> None:
        if "=" not in value:
            self._findings.append(f"--cookie: {_FILE}")
        else:
            self._headers.append(("Cookie", value))

    def sample(self) -> Sample:
        if len(self._urls) != 1:
            self._findings.append(
                "one URL is expected, " + (f"found {len(self._urls)}" if self._urls else "found none")
            )
        if self._findings:
            raise ConfigError(tuple(f"curl: {finding}" for finding in dict.fromkeys(self._findings)))
        url = self._urls[0]
        if "://" not in url:
            url = f"https://{url}"
            self._remarks.append("the URL says neither http nor https: https is taken")
        body = None if not self._data else "".join(self._data) if self._type == _JSON else "&".join(self._data)
        queries = [*self._queries, *([body] if self._get and body is not None else [])]
        if queries:
            bare, hash_, fragment = url.partition("#")
            url = f"{bare}{'&' if '?' in bare else '?'}{'&'.join(queries)}{hash_}{fragment}"
        if self._get:
            body = None
        method = self._method or ("GET" if body is None else "POST")
        return Sample(
            method, url, tuple(self._headers), body, self._content_type(body), self._user, tuple(self._remarks)
        )

    def _content_type(self, body: str | None) -> str:
        """As it was said. Without that curl says a form; what is JSON all the same is meant as JSON."""
        said = (self._type or "").partition(";")[0].strip().lower()
        if body is None or said:
            return said
        try:
            json.loads(body)
        except ValueError:
            return _FORM
        self._remarks.append("the body is JSON, and is sent as JSON")
        return _JSON
