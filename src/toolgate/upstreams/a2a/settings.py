"""What `toolgate.yaml` may say of an agent."""

from typing import Annotated

import msgspec

from toolgate.rules import endpoints


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is where the agent lives: its agent card is looked for at `/.well-known/agent-card.json` there, unless
    `url` ends with `.json` and is the card itself.

    `skills` are globs over the ids of the skills to offer. `endpoint` is where messages go, whatever the card says;
    without it the card's own word counts, if it names the card's origin or a host in `allow_hosts` (globs). `wait` is
    the most seconds that a call waits for the agent before it gives back the task; the server's `timeout` bounds it.
    `result_bytes` are the most bytes of one answer's text and data, `file_bytes` of its files together. `ca_file` is a
    PEM bundle to trust instead of the system's.
    """

    url: str
    skills: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("*",)
    endpoint: str | None = None
    allow_hosts: tuple[str, ...] = ()
    wait: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    result_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1_000_000)] = 48_000
    file_bytes: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 1_000_000
    ca_file: str | None = None

    def __post_init__(self) -> None:
        for name, url in (("url", self.url), ("endpoint", self.endpoint)):
            if url is not None:
                try:
                    endpoints.split(url)
                except ValueError as flaw:
                    raise ValueError(f"{name}: {flaw}") from None
