"""What the gateway and a worker process say to each other: frames of a length (4 bytes, big-endian) and one message in
MessagePack. The arguments of a call and its result pass as the JSON that they are."""

import struct

import msgspec

HEAD = struct.Struct(">I")


class Start(msgspec.Struct, frozen=True, tag="start", array_like=True):
    """The first message to a worker: what to load and what it may take. `memory` is in bytes, 0 for as much as there
    is; `most` is the most bytes of one result; `sources` is code to load instead of the files (see `keeping`)."""

    path: str
    concurrency: int
    memory: int
    most: int
    sources: dict[str, bytes] = {}


class Who(msgspec.Struct, frozen=True, array_like=True):
    """The fields of `toolgate.functions.Caller`, in their order."""

    id: str | None = None
    name: str | None = None
    owner: str | None = None
    user: str | None = None
    team: str | None = None
    teams: tuple[str, ...] = ()
    cost_center: str | None = None


class Call(msgspec.Struct, frozen=True, tag="call", array_like=True, gc=False):
    """`arguments` is a JSON object. `reference` is what the call is known by in logs."""

    id: int
    tool: str
    arguments: bytes
    reference: str
    who: Who
    progress: bool


class Cancel(msgspec.Struct, frozen=True, tag="cancel", array_like=True, gc=False):
    """Nobody waits for this call any longer."""

    id: int


class Tool(msgspec.Struct, frozen=True, array_like=True):
    """One tool: `definition` is its JSON as in `tools/list`. What is `repeatable` may be done again without harm; what
    is `waiting` is an async function, which shares one thread with the others."""

    name: str
    definition: bytes
    repeatable: bool
    waiting: bool


class Ready(msgspec.Struct, frozen=True, tag="ready", array_like=True):
    """The code is loaded. `files` are the names of those that it came from; `bounded` says whether the limit of memory
    is kept; `about` is what the code says of itself; `sources` is the code, unless there is very much of it."""

    tools: tuple[Tool, ...]
    files: tuple[str, ...]
    bounded: bool
    about: str
    sources: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Ready({len(self.tools)} tools)"


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """The code cannot be served; the process ends."""

    reason: str


class Answer(msgspec.Struct, frozen=True, tag="answer", array_like=True, gc=False):
    """The end of a call: the JSON of its result; empty where it was taken back."""

    id: int
    body: bytes
    failed: bool


class Progress(msgspec.Struct, frozen=True, tag="progress", array_like=True, gc=False):
    id: int
    done: float
    total: float | None
    message: str | None


class Note(msgspec.Struct, frozen=True, tag="note", array_like=True, gc=False):
    """A log message for the caller."""

    id: int
    level: str
    text: str


class Trouble(msgspec.Struct, frozen=True, tag="trouble", array_like=True, gc=False):
    """An exception that nobody expected, for the gateway's own log: where it was raised, and no values."""

    reference: str
    tool: str
    text: str


class Worn(msgspec.Struct, frozen=True, tag="worn", array_like=True):
    """The worker should be replaced, and why."""

    reason: str


ToWorker = Start | Call | Cancel
FromWorker = Ready | Failed | Answer | Progress | Note | Trouble | Worn

_encode = msgspec.msgpack.Encoder().encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


def frame(message: ToWorker | FromWorker) -> bytes:
    body = _encode(message)
    return HEAD.pack(len(body)) + body
