"""What an agent is asked, in the form of its version. Parameters of JSON-RPC methods: A2A 1.0 section 9.4, 0.3
section 7."""

from typing import Any
from uuid import uuid4

import msgspec

from toolgate.upstreams.a2a.card import Place
from toolgate.upstreams.a2a.handles import Held

ACCEPTED = ("text/plain", "text/markdown", "application/json", "image/png", "image/jpeg", "application/octet-stream")

_HISTORY = 1
"""Messages of a task's history that are asked for: the agent's last word, should the task hold no other answer."""


class Said(msgspec.Struct, frozen=True):
    """What a model says to an agent: to the `skill` with this id, and to go on with what it holds, or anew."""

    text: str
    data: dict[str, Any] | None
    skill: str
    held: Held | None = None


class Form(msgspec.Struct, frozen=True):
    """The names of one version's methods, and its parameters."""

    place: Place
    send: str
    stream: str
    get: str
    cancel: str
    extended: str

    def message(self, said: Said, *, blocking: bool) -> dict[str, Any]:
        """To send or stream."""
        modern = self.place.modern
        parts: list[dict[str, Any]] = [{"text": said.text} if modern else {"kind": "text", "text": said.text}]
        if said.data is not None:
            parts.append({"data": said.data} if modern else {"kind": "data", "data": said.data})
        message: dict[str, Any] = {
            "messageId": uuid4().hex,
            "role": "ROLE_USER" if modern else "user",
            "parts": parts,
            "metadata": {"skillId": said.skill},
        }
        if not modern:
            message["kind"] = "message"
        if said.held is not None:
            message |= {"taskId": said.held.task} if said.held.task else {}
            message |= {"contextId": said.held.context} if said.held.context else {}
        wait = {"returnImmediately": not blocking} if modern else {"blocking": blocking}
        configuration = {"acceptedOutputModes": ACCEPTED, "historyLength": _HISTORY, **wait}
        return self._addressed({"message": message, "configuration": configuration})

    def get_task(self, task: str) -> dict[str, Any]:
        return self._addressed({"id": task, "historyLength": _HISTORY})

    def cancel_task(self, task: str) -> dict[str, Any]:
        return self._addressed({"id": task})

    def nothing(self) -> dict[str, Any]:
        """For what has no parameters."""
        return self._addressed({})

    def _addressed(self, params: dict[str, Any]) -> dict[str, Any]:
        return {**params, "tenant": self.place.tenant} if self.place.modern and self.place.tenant else params


def form(place: Place) -> Form:
    if place.modern:
        return Form(place, "SendMessage", "SendStreamingMessage", "GetTask", "CancelTask", "GetExtendedAgentCard")
    return Form(
        place, "message/send", "message/stream", "tasks/get", "tasks/cancel", "agent/getAuthenticatedExtendedCard"
    )
