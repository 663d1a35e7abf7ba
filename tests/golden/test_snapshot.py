"""Golden files: `snapshot/NAME.yaml` holds a configuration and, as a second document, what its servers were found to
offer (or why they were not reached); the snapshot that is compiled from both must read as `snapshot/NAME.txt`.

A new case is a new file. `REWRITE_GOLDEN=1 pytest tests/golden` writes what comes out: read the difference.
"""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from toolgate.control.compiler import Source, compile_all
from toolgate.control.declarative import read
from toolgate.control.declared_servers import Surroundings
from toolgate.control.kinds import kinds_of
from toolgate.credentials.references import References
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.snapshot import Endpoint, Listed, Row, Snapshot, Target
from toolgate.rules import access

CASES = sorted((Path(__file__).parent / "snapshot").glob("*.yaml"))
MEMBER = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a kind that has none."""


async def run(call: Any, caller: Any) -> None:
    """Stands for what a target ends in; compilation does not call it."""


def raw(definition: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in definition.items()}


def discovery(said: dict[str, Any]) -> Discovery:
    offers = tuple(
        Offer(kind, definition[MEMBER.get(kind, "name")], raw(definition))
        for kind in OfferKind
        for definition in said.get(kind, ())
    )
    capabilities = msgspec.json.encode(said.get("capabilities", {}))
    return Discovery(frozenset({"modern"}), ("2026-07-28",), capabilities, None, said.get("instructions"), offers)


def compiled(case: Path) -> Snapshot:
    config, discovered = case.read_text(encoding="utf-8").split("\n---\n")
    base = Path("/etc/toolgate")
    declared = read(config, case.name, Surroundings(kinds_of({"echo": lambda: Nothing}), References({}, base), base))
    said: dict[str, Any] = yaml.safe_load(discovered)
    found = {name: discovery(one) for name, one in said.items() if isinstance(one, dict)}
    notes = {name: one for name, one in said.items() if isinstance(one, str)}
    return compile_all(Source(declared, found, notes, dict.fromkeys(found, run), b"local")).snapshot


def rendered(snapshot: Snapshot) -> Iterator[str]:
    for name, endpoint in sorted(snapshot.endpoints.items()):
        yield f"/servers/{name}/mcp" if name else "/mcp"
        yield f"  capabilities {msgspec.json.encode(endpoint.capabilities, order='sorted').decode()}"
        if endpoint.instructions is not None:
            yield f"  instructions {endpoint.instructions}"
        for kind in OfferKind:
            for line in chain.from_iterable(endpoint.lists.get(kind, ())):
                yield from rendered_line(endpoint, kind, line)
        if any(target.kind is OfferKind.RESOURCE for target in endpoint.templates):
            yield "  any other resource"
    yield "rights"
    by_row: dict[Row, list[str]] = {}
    for principal, row in sorted(snapshot.rows.items()):
        by_row.setdefault(row, []).append(principal)
    for row, principals in by_row.items():
        yield f"  {' '.join(principals)}"
        yield from rendered_row(row, snapshot)
    for server, why in snapshot.notes.items():
        yield f"not known: {server}, because {why}"


def rendered_line(endpoint: Endpoint, kind: OfferKind, line: Listed) -> Iterator[str]:
    target = next(t for t in targets(endpoint, kind) if (t.part, t.bit) == (line.part, line.bit))
    names = f"{line.key[1]}" if target.name == line.key[1] else f"{line.key[1]} (there: {target.name})"
    headers = "".join(f", mirrored {'.'.join(param.path)} as {param.token}" for param in target.mirrored)
    yield f"  {kind.removesuffix('s')} {names} of {target.server}{headers}"
    yield f"    {line.modern.decode()}"
    if line.legacy != line.modern:
        yield f"    earlier {line.legacy.decode()}"


def targets(endpoint: Endpoint, kind: OfferKind) -> list[Target]:
    if kind is OfferKind.TEMPLATE:
        return [target for target in endpoint.templates if target.kind is kind]
    by_kind = {OfferKind.TOOL: endpoint.tools, OfferKind.PROMPT: endpoint.prompts}
    if kind in by_kind:
        return list(by_kind[kind].values())
    return [target for uri, one in endpoint.resources.items() for target in endpoint.shared.get(uri, (one,))]


def rendered_row(row: Row, snapshot: Snapshot) -> Iterator[str]:
    nothing = True
    for name, endpoint in sorted(snapshot.endpoints.items()):
        if not name:
            continue
        for kind in OfferKind:
            may = [t.public for t in targets(endpoint, kind) if access.allowed(row, t.part, t.bit)]
            if may:
                nothing = False
                yield f"    {name} {kind}: {' '.join(sorted(may))}"
        if any(t.kind is OfferKind.RESOURCE and access.allowed(row, t.part, t.bit) for t in endpoint.templates):
            yield f"    {name} any other resource"
    if nothing:
        yield "    nothing"
    for server, uri in row.denied_uris:
        yield f"    never {server.pattern} {uri.pattern}"


@pytest.mark.promise("virtual.names", "lists.order")
@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_snapshot(case: Path):
    outcome = "\n".join(rendered(compiled(case))) + "\n"
    expected = case.with_suffix(".txt")
    if os.environ.get("REWRITE_GOLDEN") == "1":
        expected.write_text(outcome, encoding="utf-8")
    assert outcome == expected.read_text(encoding="utf-8")


def test_there_are_cases_and_none_is_an_orphan():
    assert len(CASES) > 5
    assert {path.stem for path in (Path(__file__).parent / "snapshot").iterdir()} == {case.stem for case in CASES}
