"""A server over stdio that does wrong on request: each tool of it is one way to misbehave. Only the standard library.

python tests/servers/hostile_stdio.py [--discover error|silent|die|late] [--stubborn] [--refuse]

`--discover` is what it does when it is asked for its versions, `late` speaks the modern era alone, but only once it has
been asked to initialize; `--stubborn` ignores SIGTERM and the end of its input; `--refuse` dies when initialized.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

VERSION = "2025-11-25"
MODERN = "2026-07-28"


def write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say(message: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def answer(request_id: Any, text: str) -> None:
    say({"id": request_id, "result": {"resultType": "complete", "content": [{"type": "text", "text": text}]}})


class Hostile:
    """What it remembers from one message to the next."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.cancelled: list[Any] = []
        self.late: list[Any] = []
        self.waiting: dict[str, Any] = {}
        self.asked_to_discover: Any = None
        self.levels: list[str] = []

    def hear(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method is None:
            call = self.waiting.pop(str(message.get("id")), None)
            if call is not None:
                answer(call, json.dumps(message))
        elif method == "notifications/cancelled":
            self.cancelled.append(params["requestId"])
            for request_id in self.late:
                answer(request_id, "too late")
            self.late.clear()
        elif method == "server/discover":
            self.discover(message["id"])
        elif method == "initialize":
            self.initialize(message["id"])
        elif method == "logging/setLevel":
            self.levels.append(params["level"])
            say({"id": message["id"], "result": {}})
        elif method == "tools/list":
            say({"id": message["id"], "result": {"tools": [{"name": name, "inputSchema": {}} for name in TOOLS]}})
        elif method == "tools/call":
            TOOLS[params["name"]](self, message["id"], params.get("arguments", {}))

    def discover(self, request_id: Any) -> None:
        if self.options.discover == "die":
            sys.exit(3)
        self.asked_to_discover = request_id
        if self.options.discover == "error":
            say({"id": request_id, "error": {"code": -32000, "message": "not initialized"}})

    def initialize(self, request_id: Any) -> None:
        if self.options.refuse:
            sys.exit(4)
        if self.options.discover == "late":
            say({"id": request_id, "error": {"code": -32022, "message": "no", "data": {"supported": [MODERN]}}})
            modern = {"resultType": "complete", "supportedVersions": [MODERN], "capabilities": {"tools": {}}}
            say({"id": self.asked_to_discover, "result": {**modern, "ttlMs": 0, "cacheScope": "private"}})
            return
        capabilities = {"tools": {}, "logging": {}}
        info = {"name": "hostile", "version": "1"}
        say(
            {"id": request_id, "result": {"protocolVersion": VERSION, "capabilities": capabilities, "serverInfo": info}}
        )


def ask(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    """Asks the client something, and answers the call with the client's answer."""
    self.waiting["question"] = request_id
    say({"id": "question", "method": arguments["method"], "params": arguments.get("params", {})})


def deep(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    nested = b"[" * arguments["levels"] + b"]" * arguments["levels"]
    write(b'{"jsonrpc":"2.0","id":%d,"result":{"content":%s}}\n' % (request_id, nested))


def endless(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    while True:
        write(b"x" * 65536)


def flood(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}})
    for _ in range(arguments["times"]):
        write(line.encode() + b"\n")
    answer(request_id, "flooded")


def doubled(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    for text in ("first", "second"):
        answer(request_id, text)
    answer(request_id + 1000, "nobody asked")
    answer(-request_id, "nobody asked")


def spawn(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    """A grandchild that holds the pipes open and would outlive everybody."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
    answer(request_id, str(child.pid))


def mutter(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    sys.stderr.write(arguments["text"] + "\n")
    sys.stderr.flush()
    answer(request_id, "muttered")


def progress(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    for token in ("nobody's", 987654321, request_id):
        say({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
    answer(request_id, "done")


def close_output(self: Hostile, request_id: Any, arguments: dict[str, Any]) -> None:
    os.close(1)
    time.sleep(600)


def begin(request_id: Any) -> None:
    """Says that it is at work."""
    say({"method": "notifications/progress", "params": {"progressToken": request_id, "progress": 1}})


def raw(text: bytes) -> Callable[[Hostile, Any, dict[str, Any]], None]:
    return lambda self, request_id, arguments: write(text % {b"id": b"%d" % request_id})


TOOLS: dict[str, Callable[[Hostile, Any, dict[str, Any]], None]] = {
    "fine": lambda self, request_id, arguments: answer(request_id, "fine"),
    "ask": ask,
    "deep": deep,
    "endless": endless,
    "flood": flood,
    "doubled": doubled,
    "spawn": spawn,
    "mutter": mutter,
    "progress": progress,
    "close_output": close_output,
    "huge": lambda self, request_id, arguments: answer(request_id, "x" * arguments["size"]),
    "exit": lambda self, request_id, arguments: sys.exit(7),
    "kill": lambda self, request_id, arguments: os.kill(os.getpid(), signal.SIGKILL),
    "silent": lambda self, request_id, arguments: begin(request_id),
    "late": lambda self, request_id, arguments: (self.late.append(request_id), begin(request_id))[0],
    "cancelled": lambda self, request_id, arguments: answer(request_id, json.dumps(self.cancelled)),
    "levels": lambda self, request_id, arguments: answer(request_id, json.dumps(self.levels)),
    "environment": lambda self, request_id, arguments: answer(request_id, json.dumps(dict(os.environ))),
    "process": lambda self, request_id, arguments: answer(request_id, str(os.getpid())),
    "banner": raw(b'Hello, I am a server!\n\n{"jsonrpc":"2.0","id":%(id)s,"result":{"content":[]}}\n'),
    "string_id": raw(b'{"jsonrpc":"2.0","id":"%(id)s","result":{"content":[]}}\n'),
    "batch": raw(b'[{"jsonrpc":"2.0","id":%(id)s,"result":{"content":[]}}]\n'),
    "broken": raw(b'{"jsonrpc":"2.0","id":%(id)s,"result":{"content":[}\n'),
    "not_utf8": raw(b'{"jsonrpc":"2.0","id":%(id)s,"result":{"content":[{"type":"text","text":"\xff\xfe"}]}}\n'),
    "binary": raw(b'{\x00\x01\x02\xff\xfe\n'),
    "number": raw(b'{"jsonrpc":"2.0","id":%(id)s,"result":5}\n'),
    "neither": raw(b'{"jsonrpc":"2.0","id":%(id)s}\n'),
    "old_rpc": raw(b'{"jsonrpc":"1.0","id":%(id)s,"result":{}}\n'),
    "odd_flag": raw(b'{"jsonrpc":"2.0","id":%(id)s,"result":{"content":[],"isError":"perhaps"}}\n'),
    "odd_error": raw(b'{"jsonrpc":"2.0","id":%(id)s,"error":[1]}\n'),
    "odd_type": raw(b'{"jsonrpc":"2.0","id":%(id)s,"result":{"resultType":"surprise"}}\n'),
    "own_error": raw(b'{"jsonrpc":"2.0","id":%(id)s,"error":{"code":-31999,"message":"mine","data":{"k":1}}}\n'),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--discover", choices=("error", "silent", "die", "late"), default="error")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--refuse", action="store_true")
    hostile = Hostile(parser.parse_args())
    if hostile.options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        hostile.hear(json.loads(line))
    while hostile.options.stubborn:
        time.sleep(600)


if __name__ == "__main__":
    main()
