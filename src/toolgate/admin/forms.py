"""What records declared as a whole are planned, applied and exported by: the forms of requests and answers."""

from typing import Any

import msgspec

DEFAULT = "default"
"""The label where none is given."""


class PlanInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`records` are all that the label shall carry: each with what it is (`record`: `server`, `team`, ...), its `name`,
    and the fields that are declared of it. With `prune`, what carries the label and is not among them is removed. With
    `adopt`, those that are there, made by hand or under another label, are put under this one."""

    records: tuple[dict[str, Any], ...]
    label: str = DEFAULT
    prune: bool = False
    adopt: bool = False


class ApplyInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same with the `seq` of the plan that was looked at."""

    records: tuple[dict[str, Any], ...]
    seq: int
    label: str = DEFAULT
    prune: bool = False
    adopt: bool = False


class FieldChange(msgspec.Struct, frozen=True):
    """`drifted`: the label owns the field, and somebody else changed it. Of what is never shown (a key's digest) both
    values are null."""

    field: str
    before: Any
    after: Any
    drifted: bool


class PlannedStep(msgspec.Struct, frozen=True):
    """`claimed` are fields that the label owns from then on, or no more, while their value stays. `updated_by` and
    `updated_at` say who changed the record last, and when (Unix seconds); null for a new one. `adopted_from` is whose a
    record was that is adopted: `hand`, or its label; else it is null."""

    action: str
    kind: str
    name: str
    fields: tuple[FieldChange, ...]
    claimed: tuple[str, ...]
    updated_by: str | None
    updated_at: float | None
    adopted_from: str | None = None


class Planned(msgspec.Struct, frozen=True):
    """`seq` is that of the last change that was seen; `apply` takes it. `lacking` says why you could not apply this
    plan, where a permission is missing; else it is empty."""

    seq: int
    label: str
    lacking: str
    steps: tuple[PlannedStep, ...]


class Applied(msgspec.Struct, frozen=True):
    """What was done, all of it in one transaction."""

    label: str
    steps: tuple[PlannedStep, ...]


class Exported(msgspec.Struct, frozen=True):
    """The records that carry the label, each with `record`, `name` and the fields that the label owns: planned again,
    they change nothing."""

    label: str
    records: tuple[dict[str, Any], ...]


FORMS = (PlanInput, ApplyInput, Planned, Applied, Exported)
"""What goes in and out, for the document."""
