"""Grants that expire: lists follow by themselves, and nothing else need happen."""

from __future__ import annotations

import asyncio

import pytest

from tests.control.sources import NOW, definition, discovery, run_one
from toolgate.control.compiler import Source
from toolgate.control.publisher import Publisher
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import Declared, GrantSpec, KeySpec, ServerSpec
from toolgate.model.snapshot import Snapshot
from toolgate.rules import access

SECONDS = 10.0


@pytest.mark.promise("policy.conditions")
async def test_a_grant_that_expires_leaves_the_lists():
    declared = Declared(
        servers=(ServerSpec("a", "echo", {}),),
        keys=(KeySpec("k", b"k"),),
        grants=(
            GrantSpec("key:k", "allow", ("a",), ("x",), expires=NOW + 0.2),
            GrantSpec("key:k", "allow", ("a",), ("y",)),
            GrantSpec("key:k", "deny", ("a",), ("y",), expires=NOW + 0.1),
        ),
    )
    offers = tuple(Offer(OfferKind.TOOL, name, definition(OfferKind.TOOL, name)) for name in ("x", "y"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    source = Source(declared, {"a": discovery(offers)}, {}, {"a": run_one}, None)
    publisher = Publisher(lambda: source, lambda: NOW + loop.time() - began)
    seen: list[set[str]] = [listed(publisher.current())]
    ended = asyncio.Event()

    def swapped(old: Snapshot, new: Snapshot) -> None:
        seen.append(listed(new))
        if len(seen) == 3:
            ended.set()

    publisher.on_swap(swapped)
    task = asyncio.create_task(publisher.run())
    try:
        async with asyncio.timeout(SECONDS):
            await ended.wait()
    finally:
        task.cancel()
    assert seen == [{"x"}, {"x", "y"}, {"y"}]


def listed(snapshot: Snapshot) -> set[str]:
    row = snapshot.rows["key:k"]
    tools = snapshot.endpoints["a"].tools
    return {name for name, target in tools.items() if access.listed(row, target.part, target.bit)}
