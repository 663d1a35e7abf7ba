"""Histograms with fixed boundaries."""

import math

from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules.histogram import OPERATION_SECONDS, bucket, empty


@given(st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False)))
def test_each_bound_counts_what_lies_at_or_below_it(values: list[float]):
    counts = empty(OPERATION_SECONDS)
    for value in values:
        counts[bucket(OPERATION_SECONDS, value)] += 1
    for index, bound in enumerate((*OPERATION_SECONDS, math.inf)):
        assert sum(counts[: index + 1]) == sum(value <= bound for value in values)


def test_a_boundary_belongs_to_the_bucket_below_it():
    assert bucket(OPERATION_SECONDS, 0.01) == 0
    assert bucket(OPERATION_SECONDS, 0.010001) == 1
    assert bucket(OPERATION_SECONDS, 301) == len(OPERATION_SECONDS)
