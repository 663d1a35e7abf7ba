"""The program of the process that reads one document: from standard input, which is the file itself, to one JSON object
on standard output. It limits itself before it loads anything that could meet the file."""

import importlib
import os
import sys
from contextlib import suppress

import msgspec

from toolgate.upstreams.filesystem.documents.job import Job


def limit(job: Job) -> None:
    """Takes from this process what it does not need. Where a system has no such limits, or does not keep them, only
    time is bounded, by whoever started it."""
    with suppress(ImportError):
        resource = importlib.import_module("resource")
        for name, most in (
            ("RLIMIT_AS", job.memory),
            ("RLIMIT_CPU", job.seconds),
            ("RLIMIT_FSIZE", 0),
            ("RLIMIT_NPROC", 0),
            ("RLIMIT_CORE", 0),
        ):
            with suppress(AttributeError, OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (most, most))


def main() -> None:
    job = msgspec.json.decode(sys.argv[1], type=Job)
    limit(job)
    reading = importlib.import_module("toolgate.upstreams.filesystem.documents.reading")
    with os.fdopen(0, "rb") as file, os.fdopen(1, "wb") as out:
        out.write(msgspec.json.encode(reading.outcome(file, job)))


if __name__ == "__main__":
    main()
