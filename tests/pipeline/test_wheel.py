"""The timer wheel: never early, at most two ticks late, and nothing is left behind."""

import asyncio
import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.virtual_time import VirtualTimeLoop, run
from toolgate.pipeline.wheel import TICK, Timer, Wheel

SECONDS = st.one_of(st.floats(0, 0.4), st.sampled_from([0.05, 0.1, 1.0]))
EVENTS = st.lists(st.tuples(st.floats(0, 0.3), SECONDS), min_size=1, max_size=12)


@pytest.mark.promise("deadlines.punctual")
@given(EVENTS, st.floats(0, TICK))
@settings(max_examples=200)
def test_never_early_and_at_most_two_ticks_late(events: list[tuple[float, float]], phase: float):
    async def main() -> None:
        wheel = Wheel()
        loop = asyncio.get_running_loop()
        fired: list[tuple[float, float]] = []
        await asyncio.sleep(phase)
        for pause, seconds in events:
            due = loop.time() + seconds
            wheel.after(seconds, lambda due=due: fired.append((due, loop.time())))
            await asyncio.sleep(pause)
        await asyncio.sleep(2.0)
        assert len(fired) == len(events)
        for due, at in fired:
            assert due <= at + 1e-9, "early"
            assert at <= due + 2 * TICK + 1e-9, "late"

    run(main())


@given(st.floats(0, 0.5), st.floats(0.06, 1.0))
def test_not_early_after_the_loop_was_held(held: float, seconds: float):
    async def main() -> None:
        wheel = Wheel()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        wheel.after(10.0, lambda: None)
        await asyncio.sleep(0.02)
        loop.advance(held)
        due = loop.time() + seconds
        fired = loop.create_future()
        wheel.after(seconds, lambda: fired.set_result(loop.time()))
        assert due <= await fired + 1e-9

    run(main())


def test_cancelled_ones_do_not_fire():
    async def main() -> None:
        wheel = Wheel()
        fired: list[str] = []
        timers = [wheel.after(0.1, lambda n=n: fired.append(n)) for n in "abc"]
        timers[1].cancel()
        timers[1].cancel()
        await asyncio.sleep(1.0)
        assert sorted(fired) == ["a", "c"]
        for timer in timers:
            timer.cancel()

    run(main())


def test_one_may_cancel_another_while_both_fire():
    async def main() -> None:
        wheel = Wheel()
        fired: list[str] = []
        timers: dict[str, Timer] = {}

        def fire(name: str) -> None:
            fired.append(name)
            for other in timers.values():
                other.cancel()

        for name in ("a", "b", "c"):
            timers[name] = wheel.after(0.1, lambda name=name: fire(name))
        await asyncio.sleep(1.0)
        assert len(fired) == 1

    run(main())


def test_one_may_arm_another_while_it_fires():
    async def main() -> None:
        wheel = Wheel()
        loop = asyncio.get_running_loop()
        times: list[float] = []

        def again() -> None:
            times.append(loop.time())
            if len(times) < 5:
                wheel.after(0.0, again)

        wheel.after(0.0, again)
        await asyncio.sleep(2.0)
        assert len(times) == 5
        assert all(before < after for before, after in pairwise(times)), "never in the same tick"

    run(main())


def test_one_that_fails_takes_no_other_with_it():
    async def main() -> None:
        wheel = Wheel()
        loop = asyncio.get_running_loop()
        told: list[object] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        fired: list[str] = []

        def fails() -> None:
            raise ZeroDivisionError

        wheel.after(0.1, lambda: fired.append("a"))
        wheel.after(0.1, fails)
        wheel.after(0.1, lambda: fired.append("b"))
        wheel.after(0.3, lambda: fired.append("c"))
        await asyncio.sleep(1.0)
        wheel.after(0.1, lambda: fired.append("d"))
        await asyncio.sleep(1.0)
        assert sorted(fired) == ["a", "b", "c", "d"]
        assert [type(error) for error in told] == [ZeroDivisionError]

    run(main())


def test_nothing_is_left_behind():
    """No timer of the loop when nothing is armed, and no cycle that only the collector would find."""

    class Owner:
        def expire(self) -> None:
            self.expired = True

    async def main() -> None:
        wheel = Wheel()
        owners = [Owner(), Owner()]
        gone = [weakref.ref(owner) for owner in owners]
        timers = [wheel.after(0.1, owner.expire) for owner in owners]
        timers[0].cancel()
        gc.disable()
        try:
            await asyncio.sleep(1.0)
            assert owners[1].expired
            owners.clear()
            assert [ref() for ref in gone] == [None, None]
        finally:
            gc.enable()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_it_stands_still_when_nothing_is_armed():
    async def main() -> None:
        wheel = Wheel()
        wheel.after(0.1, lambda: None)
        await asyncio.sleep(1.0)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Exception, match=r"^$") as stuck:
        run(main())
    assert type(stuck.value).__name__ == "Stuck", "no loop timer may be left"
