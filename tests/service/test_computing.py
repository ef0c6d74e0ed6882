import asyncio
import gc
import os
import threading

import anyio
import pytest

from service.computing import Computing, others_to_catch_up
from tests.waiting import until

PLACES = max(2, os.cpu_count() or 1)


@pytest.mark.parametrize("asked", [PLACES, 3 * PLACES])
def test_no_more_is_computed_at_once_than_there_are_cores(asked):
    at_once = 0
    most = 0
    lock, all_places_taken = threading.Lock(), threading.Barrier(PLACES, timeout=10)

    def compute() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        all_places_taken.wait()
        with lock:
            at_once -= 1

    async def ask() -> None:
        computing = Computing()
        async with anyio.create_task_group() as tasks:
            for _ in range(asked):
                tasks.start_soon(computing.run, compute)

    anyio.run(ask)
    assert most == PLACES


def test_what_fails_fails_where_it_was_asked_for():
    async def ask() -> None:
        await Computing().run(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        anyio.run(ask)


def test_what_came_together_goes_in_step():
    done: list[str] = []

    async def answer() -> None:
        for part in ("read", "computed", "told"):
            done.append(part)
            await others_to_catch_up()

    async def answers() -> None:
        await asyncio.gather(*(answer() for _ in range(3)))

    asyncio.run(answers())
    assert done == ["read"] * 3 + ["computed"] * 3 + ["told"] * 3


def test_what_stays_is_not_looked_through_again_and_again():
    computing = Computing()
    until(lambda: computing.is_quick, 60)
    try:
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        gc.unfreeze()
