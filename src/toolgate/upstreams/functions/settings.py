"""What `toolgate.yaml` may say of functions."""

from typing import Annotated

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`path` is a Python file, or the directory of a package. `python` is the interpreter that runs it; by default the
    gateway's own. One without a leading `/` is looked for from the directory that `path` is in.

    `env` is the whole environment of the workers (literals, or references as `env:NAME`), beside a PATH when it names
    none. `workers` are the processes that serve at the same time, `concurrency` the calls that each of them takes at
    once. One that uses more than `memory_mb` is replaced; null stands for no limit. `start_timeout` is the most seconds
    that the code may take to load, `grace` those that a function may go on after its call timed out or was taken back.
    `watch` loads changed files.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    python: str | None = None
    env: dict[str, str] = {}
    workers: Annotated[int, msgspec.Meta(ge=1, le=32)] = 2
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    memory_mb: Annotated[int, msgspec.Meta(ge=64, le=1_048_576)] | None = 1024
    start_timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 60.0
    grace: Annotated[float, msgspec.Meta(ge=0, le=600)] = 5.0
    watch: bool = True
