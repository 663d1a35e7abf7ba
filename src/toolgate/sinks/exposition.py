"""Large metric families as text, in the Prometheus format 0.0.4 and in OpenMetrics 1.0.

`prometheus_client` takes about 10 microseconds for a line: most of a second per scrape for thousands of tools. This
takes a tenth of it (benchmarks/records.py). Families of a few lines are left to the library.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

Series = tuple[tuple[str, ...], Sequence[int], float]
"""Label values, the count of each bucket, and the sum of the values."""


def histogram(
    name: str, text: str, labels: Sequence[str], boundaries: Sequence[float], series: Iterable[Series]
) -> str:
    """One family; the same in both formats. `counts` have one bucket more than there are boundaries."""
    bounds = [f'{boundary!r}"}} ' for boundary in map(float, boundaries)] + ['+Inf"} ']
    parts = [f"# HELP {name} {text}\n# TYPE {name} histogram\n"]
    for values, counts, total in series:
        labelled = _labelled(labels, values)
        head = f'{name}_bucket{{{labelled},le="'
        count = 0
        for bound, count in zip(bounds, accumulate(counts), strict=True):
            parts.append(f"{head}{bound}{count}\n")
        parts.append(f"{name}_count{{{labelled}}} {count}\n{name}_sum{{{labelled}}} {total!r}\n")
    return "".join(parts)


def counter(
    name: str, text: str, labels: Sequence[str], series: Iterable[tuple[tuple[str, ...], int]], *, openmetrics: bool
) -> str:
    """One family. `name` is without `_total`, which OpenMetrics leaves out of a family's name."""
    family = name if openmetrics else f"{name}_total"
    lines = [f"{name}_total{{{_labelled(labels, values)}}} {count}\n" for values, count in series]
    return f"# HELP {family} {text}\n# TYPE {family} counter\n" + "".join(lines)


def _labelled(labels: Sequence[str], values: Sequence[str]) -> str:
    return ",".join([f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True)])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
