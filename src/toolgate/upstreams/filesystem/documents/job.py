"""What the process that reads a document is told, and what it answers."""

import msgspec

from toolgate.upstreams.filesystem.documents.parts import Document


class Job(msgspec.Struct, frozen=True):
    """`first` and `last` are the parts that are wanted, from 1; `last` None is the end. `most` is how many characters
    of text may come; `memory` (bytes) and `seconds` (of processor time) are what the process may take."""

    name: str
    first: int
    last: int | None
    most: int
    memory: int
    seconds: int


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document, or why there is none."""

    document: Document | None = None
    failure: str = ""
