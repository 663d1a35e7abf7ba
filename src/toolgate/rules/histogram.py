"""Histograms with fixed boundaries: which there are, and where a value is counted."""

from bisect import bisect_left
from collections.abc import Sequence

OPERATION_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds, inclusive, of the OpenTelemetry semantic conventions for `mcp.*.operation.duration`."""


def empty(boundaries: Sequence[float]) -> list[int]:
    """Counts of a histogram that has seen nothing: one bucket per boundary, and one for everything above."""
    return [0] * (len(boundaries) + 1)


def bucket(boundaries: Sequence[float], value: float) -> int:
    """The index of the bucket that counts this value. Boundaries ascend and belong to the bucket below."""
    return bisect_left(boundaries, value)
