"""One document, from an opened file to its parts. Runs in the process that was made for it."""

from typing import BinaryIO

from toolgate.upstreams.filesystem.documents import formats
from toolgate.upstreams.filesystem.documents.job import Job, Outcome
from toolgate.upstreams.filesystem.documents.parts import Document, Part, Unreadable


def outcome(file: BinaryIO, job: Job) -> Outcome:
    """Whatever the file does to the libraries, there is an answer."""
    try:
        return Outcome(read(file, job))
    except Unreadable as error:
        return Outcome(failure=str(error))
    except MemoryError:
        return Outcome(failure=f"reading it takes more than {job.memory // (1024 * 1024)} MiB of memory")
    except RecursionError:
        return Outcome(failure="it is nested too deeply")
    except Exception as error:  # noqa: BLE001  whatever a damaged file makes a library raise
        return Outcome(failure=f"it is damaged, or of a form that is not known here ({type(error).__name__})")


def read(file: BinaryIO, job: Job) -> Document:
    """Raises Unreadable, and what libraries raise."""
    kind, contents = formats.opened(file, job.name)
    if job.first > max(contents.count, 1):
        raise Unreadable(f"it has {contents.count} {contents.unit}s; {contents.unit} {job.first} is not there")
    last = contents.count if job.last is None else min(job.last, contents.count)
    parts: list[Part] = []
    left, cut = job.most, False
    for number in range(job.first, last + 1):
        if left <= 0:
            cut = True
            break
        title, text = contents.read(number)
        cut = len(text) > left
        parts.append(Part(number, title[:200], text[:left]))
        left -= len(text)
    return Document(kind, contents.unit, contents.count, parts, cut)
