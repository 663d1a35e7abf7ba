"""What is known of one task while it is followed: put together from what the agent says, piece by piece."""

from toolgate.upstreams.a2a.events import ASKING, ENDED, Artifact, Event, Part
from toolgate.upstreams.a2a.handles import Held

_LONGEST_STEP = 200
_MOST_ARTIFACTS = 1000


class Followed:
    """Begins with what a handle stands for, or with nothing. `chunks` are the pieces of each artifact, in order."""

    def __init__(self, held: Held | None = None) -> None:
        self.task = "" if held is None else held.task
        self.context = "" if held is None else held.context
        self.state = ""
        self.said: tuple[Part, ...] | None = None
        self.chunks: dict[str, list[tuple[Part, ...]]] = {}
        self.steps = 0
        self._closed = False

    @property
    def is_settled(self) -> bool:
        """Whether the agent has nothing more to say until it is asked."""
        return self._closed or self.state in ENDED or self.state in ASKING

    def take(self, event: Event) -> str:
        """Adds what is told, and answers it as a step for people."""
        self.steps += 1
        self.task = event.task or self.task
        self.context = event.context or self.context
        if event.kind == "artifact":
            self._add(event.artifacts[0], append=event.append)
            return _step(event.artifacts[0].parts, "a part of the answer has come")
        if event.kind == "message":
            self.state, self.said, self._closed = "completed", event.said, True
            return _step(event.said or (), "the answer has come")
        if event.kind == "task" and event.artifacts:
            self.chunks.clear()
            for artifact in event.artifacts:
                self._add(artifact, append=False)
        # A status without a state says nothing new of it.
        self.state = event.state or self.state
        self.said = event.said
        self._closed = event.final
        return _step(event.said or (), self.state)

    def _add(self, artifact: Artifact, *, append: bool) -> None:
        if append and artifact.id in self.chunks:
            self.chunks[artifact.id].append(artifact.parts)
        elif len(self.chunks) < _MOST_ARTIFACTS or artifact.id in self.chunks:
            self.chunks[artifact.id] = [artifact.parts]


def _step(parts: tuple[Part, ...], otherwise: str) -> str:
    text = " ".join(" ".join(part.text for part in parts if part.kind == "text")[: 4 * _LONGEST_STEP].split())
    return text[:_LONGEST_STEP] or otherwise
