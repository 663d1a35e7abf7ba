"""A plan as people read it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolgate.admin.forms import Applied, FieldChange, Planned, PlannedStep
from toolgate.cli.output import Form, count, say, write, write_value
from toolgate.cli.records import fields
from toolgate.rules.redaction import printable

_MARKS = {"create": "+", "change": "~", "adopt": ">", "remove": "-"}
_DONE = {"create": "created", "change": "changed", "adopt": "adopted", "remove": "removed"}
_LONGEST = 100


def show(plan: Planned | Applied, output: Form) -> None:
    """The steps, field by field: in a table for people, else as they were answered."""
    if output is not Form.TABLE:
        write_value(msgspec.to_builtins(plan), output)
        return
    for step in plan.steps:
        adopts = "" if step.adopted_from is None else f"  (adopts: made by {step.adopted_from})"
        write(printable(f"{_MARKS[step.action]} {step.kind} {step.name}{adopts}"))
        for change in step.fields:
            write(printable(f"    {_field(step, change)}"))
        if step.claimed:
            write(printable(f"    takes over or lets go, unchanged: {', '.join(step.claimed)}"))


def summary(steps: Sequence[PlannedStep]) -> str:
    """How much there is to do, in a few words."""
    if not steps:
        return "nothing to do"
    counted = Counter(step.action for step in steps)
    drifted = sum(change.drifted for step in steps for change in step.fields)
    said = ", ".join(f"{counted[action]} to {action}" for action in _MARKS if counted[action])
    return f"{said}; {count(drifted, 'field')} drifted" if drifted else said


def done(steps: Sequence[PlannedStep]) -> str:
    """The same of what was done."""
    counted = Counter(step.action for step in steps)
    return ", ".join(f"{counted[action]} {_DONE[action]}" for action in _MARKS if counted[action])


def tell(plan: Planned) -> None:
    """Beside the data: how much there is to do, and why one could not do it."""
    say(f"{summary(plan.steps)} ({plan.label}, seq {plan.seq})")
    if plan.lacking:
        say(printable(f"you could not apply this: {plan.lacking}"))


def _field(step: PlannedStep, change: FieldChange) -> str:
    if step.action == "create":
        return f"{change.field}: {_short(change.after)}"
    said = f"{change.field}: {_short(change.before)} -> {_short(change.after)}"
    if not change.drifted:
        return said
    when = "" if step.updated_at is None else f", {datetime.fromtimestamp(step.updated_at, UTC):%Y-%m-%d %H:%M} UTC"
    return f"{said}  (drift: last changed by {step.updated_by}{when})"


def _short(value: Any) -> str:
    text = fields.cell(value)
    return (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...") or "-"
