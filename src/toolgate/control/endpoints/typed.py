"""An endpoint as people type it, `GET https://api.example.com/weather/{city}`, and what they say of its arguments."""

import re
from collections.abc import Sequence

from toolgate.control.endpoints.samples import Parameter, Sample, header
from toolgate.model.errors import ConfigError

_ENDPOINT = re.compile(r"(?:(?P<method>[A-Za-z]+)\s+)?(?P<url>https?://\S+)")
_PARAMETER = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_.\[\]-]{0,99})"
    r"(?::(?P<type>string|integer|number|boolean))?(?P<required>!)?(?:=(?P<default>\S*))?(?:\s+(?P<about>.+))?",
    re.DOTALL,
)
_FORM = "NAME, NAME:TYPE (string, integer, number or boolean), NAME=DEFAULT, NAME:TYPE! for one that must be given"


def sample(endpoint: str, headers: Sequence[str]) -> Sample:
    """The method is GET unless it is said. Raises ConfigError."""
    found = _ENDPOINT.fullmatch(endpoint.strip())
    if found is None:
        raise ConfigError(
            ("the endpoint: expected a method and a URL, as: GET https://api.example.com/v1/weather/{city}",)
        )
    pairs: list[tuple[str, str]] = []
    for text in headers:
        pair = header(text)
        if pair is None or not pair[1]:
            raise ConfigError(("--header: expected `Name: value`, a secret by reference: `X-Api-Key: env:API_KEY`",))
        pairs.append(pair)
    return Sample((found["method"] or "GET").upper(), found["url"], tuple(pairs))


def parameter(text: str) -> Parameter:
    """`days:integer=3 How many days`. Raises ConfigError."""
    found = _PARAMETER.fullmatch(text.strip())
    if found is None:
        raise ConfigError((f"--param {text[:60]!r}: expected {_FORM}, and words about it after a space",))
    return Parameter(found["name"], found["type"], bool(found["required"]), found["default"], found["about"])
