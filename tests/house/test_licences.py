"""Licences: whoever installs Toolgate, with any of its extras, installs nothing under a copyleft licence."""

import importlib.metadata
import re
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageMetadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REFUSED = re.compile(
    r"\b(A?GPL|LGPL|SSPL|BUSL|EUPL|CDDL)|\b(affero|lesser|library)?\s*general public|server side public|proprietary"
    r"|commons clause|business source",
    re.IGNORECASE,
)
KNOWN = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|0BSD|Zlib|CC0)\b", re.IGNORECASE
)


def claims(metadata: PackageMetadata | Message) -> list[str]:
    """What a package says of its licence: the SPDX expression if there is one, else classifiers and free text."""
    expression = metadata.get_all("License-Expression")
    if expression:
        return expression
    named = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    free = [line for text in metadata.get_all("License") or [] for line in text.strip().splitlines()[:1]]
    return [*named, *free]


def verdict(metadata: PackageMetadata | Message) -> str | None:
    """Why this package may not be installed with Toolgate, or None. Of `A OR B` it is enough that one is allowed."""
    said = claims(metadata)
    for claim in said:
        choices = re.split(r"\bOR\b", claim.strip("() "))
        if all(REFUSED.search(choice) for choice in choices):
            return f"{metadata['Name']}: {claim}"
    if not any(KNOWN.search(claim) for claim in said):
        return f"{metadata['Name']}: no licence that is known here, it says {said or 'nothing'}"
    return None


def installed_with(root: str) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that `root` brings along on this machine, with every extra of its own."""
    own = importlib.metadata.distribution(root)
    extras = own.metadata.get_all("Provides-Extra") or []
    waiting = [(root, extra) for extra in ("", *extras)]
    seen: set[tuple[str, str]] = set()
    reported: set[str] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here: judged where it is
        if name != root and name not in reported:
            reported.add(name)
            yield distribution
        for line in distribution.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                child = canonicalize_name(requirement.name)
                waiting += [(child, wanted) for wanted in ("", *requirement.extras)]


@pytest.mark.promise("house.licences")
def test_nothing_under_copyleft_is_installed():
    distributions = list(installed_with("toolgate"))
    assert {"mcp", "pydantic-core", "h11"} <= {canonicalize_name(one.name) for one in distributions}, (
        "the walk is broken"
    )
    refused = [reason for one in distributions if (reason := verdict(one.metadata))]
    assert not refused, "\n".join(refused)


def test_our_own_licence_is_told_whole():
    metadata = importlib.metadata.metadata("toolgate")
    assert metadata["License-Expression"] == "Apache-2.0"
    text = (Path(__file__).resolve().parents[2] / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def package(**headers: str) -> Message:
    message = Message()
    message["Name"] = "sample"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    "headers",
    [
        {"License_Expression": "GPL-3.0-or-later"},
        {"License_Expression": "AGPL-3.0-only"},
        {"License_Expression": "LGPL-3.0-only"},
        {"License_Expression": "MIT AND GPL-2.0-only"},
        {"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
        {"Classifier": "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"},
        {"License": "GNU AFFERO GENERAL PUBLIC LICENSE"},
        {"License": "Server Side Public License"},
        {"License": "see file"},
        {},
    ],
)
def test_copyleft_and_unknown_licences_are_refused(headers: dict[str, str]):
    assert verdict(package(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"License_Expression": "MIT"},
        {"License_Expression": "Apache-2.0 OR BSD-3-Clause"},
        {"License_Expression": "GPL-3.0-or-later OR MIT"},
        {"License_Expression": "MPL-2.0"},
        {"Classifier": "License :: OSI Approved :: MIT License"},
        {"License": "BSD"},
    ],
)
def test_permissive_licences_pass(headers: dict[str, str]):
    assert verdict(package(**headers)) is None
