"""Has one document read in a process of its own."""

import os
import subprocess
import sys
import time

import msgspec

from toolgate.upstreams.filesystem.documents.job import Job, Outcome
from toolgate.upstreams.filesystem.documents.parts import Document, Unreadable
from toolgate.upstreams.filesystem.workers import Pulse

_WORKER = "toolgate.upstreams.filesystem.documents.worker"
_PASSED_ON = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""All that the process sees of the environment: what starting it may need, and nothing that may be secret."""
_LOOK = 0.25
"""Seconds between looks at whether anybody still waits."""

_decode = msgspec.json.Decoder(Outcome).decode


def extract(descriptor: int, job: Job, pulse: Pulse) -> Document:
    """Reads from this open descriptor, which stays the caller's, but whose position moves. Blocks for `job.seconds` at
    most. Raises Unreadable, or Stopped when the caller took the call back."""
    command = [sys.executable, "-I", "-m", _WORKER, msgspec.json.encode(job).decode()]
    surroundings = {name: value for name in _PASSED_ON if (value := os.environ.get(name)) is not None}
    with subprocess.Popen(
        command, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings
    ) as process:
        try:
            answer = _answer(process, job, pulse)
        finally:
            process.kill()
    if not answer:
        raise Unreadable(
            f"reading it takes more than {job.memory // (1024 * 1024)} MiB of memory or {job.seconds} seconds, or it "
            "broke the program that reads it"
        )
    outcome = _decode(answer)
    if outcome.document is None:
        raise Unreadable(outcome.failure)
    return outcome.document


def _answer(process: "subprocess.Popen[bytes]", job: Job, pulse: Pulse) -> bytes:
    """What it wrote; nothing when it died. Raises Unreadable when it took too long."""
    began = time.perf_counter()
    while True:
        pulse.check()
        left = job.seconds - (time.perf_counter() - began)
        if left <= 0 or time.perf_counter() >= pulse.until:
            raise Unreadable(f"reading it took more than {job.seconds} seconds: ask for fewer of its parts")
        try:
            return process.communicate(timeout=min(_LOOK, left))[0]
        except subprocess.TimeoutExpired:
            continue
