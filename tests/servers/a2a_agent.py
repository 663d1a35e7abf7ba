"""An agent on the official A2A SDK, as one process with several cards: each is the same agent, shown as another version
of the protocol has it, and with streams or without.

    {url}/v1   1.0, streams          {url}/polled    1.0, no streams
    {url}/v03  0.3, streams          {url}/polled03  0.3, no streams
    {url}/v02  0.2, no streams, at the older place of cards
    {url}/both 1.0 and 0.3, as the SDK shows an agent that speaks both

What it does is said by the first word of a message; see `Agent`.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from collections import defaultdict
from typing import Any

import uvicorn
from a2a.compat.v0_3.conversions import to_compat_agent_card
from a2a.helpers import proto_helpers as made
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from google.protobuf.json_format import MessageToDict
from serving import AnnouncingServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PIXEL = b"\x89PNG\r\n\x1a\nnot really"


class Agent(AgentExecutor):
    """`echo` answers at once; `report` takes three steps and gives text, data and files; `ask` needs an answer; `slow`
    works until it is canceled or told to `go` by the same name; `fail` and `reject` do so; `seen` tells what came with
    the message."""

    def __init__(self) -> None:
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        text = context.get_user_input()
        word = text.partition(" ")[0]
        if context.current_task is not None:
            updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
            await updater.add_artifact([made.new_text_part(f"Booked: {text}.")], name="booking")
            await updater.complete()
            return
        if word in ("echo", "go", "seen"):
            await self._at_once(word, text, context, event_queue)
            return
        assert context.message is not None
        task = made.new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        await (self._slow(updater, text.partition(" ")[2]) if word == "slow" else getattr(self, f"_{word}")(updater))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()

    async def _at_once(self, word: str, text: str, context: RequestContext, queue: EventQueue) -> None:
        if word == "go":
            self._gates[text.partition(" ")[2]].set()
        told = [made.new_text_part(text.partition(" ")[2] or word)]
        if word == "seen":
            headers = context.call_context.state["headers"] if context.call_context is not None else {}
            assert context.message is not None
            told.append(
                made.new_data_part(
                    {
                        "authorization": headers.get("authorization", ""),
                        "version": headers.get("a2a-version", ""),
                        "metadata": MessageToDict(context.message)["metadata"],
                        "data": made.get_data_parts(context.message.parts),
                    }
                )
            )
        message = made.new_message(told, context_id=context.context_id)
        await queue.enqueue_event(message)

    async def _report(self, updater: TaskUpdater) -> None:
        for step in ("reading", "thinking", "writing"):
            await updater.start_work(updater.new_agent_message([made.new_text_part(step)]))
        await updater.add_artifact([made.new_text_part("Sales rose ")], artifact_id="text", append=False)
        await updater.add_artifact([made.new_text_part("by 7 %.")], artifact_id="text", append=True, last_chunk=True)
        await updater.add_artifact([made.new_data_part({"rise": 7})], artifact_id="data")
        await updater.add_artifact(
            [
                Part(raw=PIXEL, filename="chart.png", media_type="image/png"),
                Part(raw=b"a,b\n", filename="t.csv", media_type="text/csv"),
                Part(url="https://files.example/all.pdf", filename="all.pdf", media_type="application/pdf"),
            ],
            artifact_id="files",
        )
        await updater.complete()

    async def _ask(self, updater: TaskUpdater) -> None:
        await updater.requires_input(updater.new_agent_message([made.new_text_part("Which city?")]))

    async def _slow(self, updater: TaskUpdater, name: str) -> None:
        await self._gates[name].wait()
        await updater.complete(updater.new_agent_message([made.new_text_part("At last.")]))

    async def _fail(self, updater: TaskUpdater) -> None:
        await updater.failed(updater.new_agent_message([made.new_text_part("No luck.")]))

    async def _reject(self, updater: TaskUpdater) -> None:
        await updater.reject(updater.new_agent_message([made.new_text_part("Not my business.")]))


def card(url: str, versions: tuple[str, ...], *, streaming: bool) -> AgentCard:
    skills = [
        AgentSkill(
            id="planTrip", name="Plan a trip", description="Plans a trip to a city and books it.", tags=["travel"],
            examples=["Plan two days in Oslo", "Book the cheapest way to Rome"],
        ),
        AgentSkill(id="get_task", name="Tasks", description="Tells what there is to do.", tags=["tasks"]),
    ]  # fmt: skip
    return AgentCard(
        name="Travel agent", description="Plans and books trips.", version="2.1.0",
        supported_interfaces=[
            AgentInterface(url=f"{url}/rpc", protocol_binding="JSONRPC", protocol_version=one) for one in versions
        ],
        capabilities=AgentCapabilities(streaming=streaming), skills=skills,
        default_input_modes=["text/plain", "application/json"], default_output_modes=["text/plain"],
    )  # fmt: skip


def shown(url: str) -> dict[str, dict[str, Any]]:
    """The cards by path."""

    def old(streaming: bool) -> dict[str, Any]:
        return to_compat_agent_card(card(url, ("0.3",), streaming=streaming)).model_dump(exclude_none=True)

    modern = {streaming: MessageToDict(card(url, ("1.0",), streaming=streaming)) for streaming in (True, False)}
    return {
        "/v1/.well-known/agent-card.json": modern[True],
        "/polled/.well-known/agent-card.json": modern[False],
        "/v03/.well-known/agent-card.json": old(True),
        "/polled03/.well-known/agent-card.json": old(False),
        "/v02/.well-known/agent.json": {**old(False), "protocolVersion": "0.2.5", "preferredTransport": None},
        "/both/.well-known/agent-card.json": agent_card_to_dict(card(url, ("0.3", "1.0"), streaming=True)),
    }


def application(url: str) -> Starlette:
    own = card(url, ("1.0", "0.3"), streaming=True)
    handler = DefaultRequestHandler(Agent(), InMemoryTaskStore(), own)
    routes = create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True)
    for path, told in shown(url).items():

        async def answer(request: Request, told: dict[str, Any] = told) -> JSONResponse:
            return JSONResponse(told)

        routes.append(Route(path, answer))
    return Starlette(routes=routes)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 picks a free one")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", parser.parse_args().port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(application(url), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    asyncio.run(AnnouncingServer(config, url).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
