"""Where an API process computes: beside its event loop, on as many threads as there are cores to be busy."""

import asyncio
import gc
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio

from models import kernels
from service.warming import warm_in_background

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


async def others_to_catch_up() -> None:
    """Waits for the requests that came at the same time to get as far as this one; a request that is alone goes on.

    Each part of their answers is then done for all of them, one after the other, while the processor has its code and
    data at hand. With 16 at a time an answer took 770 µs without, and 570 with.
    """
    await asyncio.sleep(0)


class Computing:
    """Threads for analyses and drawings; kernels are made ready beside them.

    More at once would end no sooner, and each keeps its arrays: with forty threads a class of a hundred made the API
    grow by a quarter in ten minutes.
    """

    def __init__(self) -> None:
        self._places = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))
        self._warming = warm_in_background(_make_ready)

    @property
    def is_quick(self) -> bool:
        """Whether what is brief is so already: nothing is left to be compiled."""
        return not self._warming.is_alive()

    async def run(self, compute: Callable[Asked, Answer], *asked: Asked.args, **named: Asked.kwargs) -> Answer:
        """Computes in a thread, when one is free."""
        return await anyio.to_thread.run_sync(lambda: compute(*asked, **named), limiter=self._places)


def _make_ready() -> None:
    """Has all that short analyses use at hand, and tells the garbage collector that it will stay.

    Else it looks through these 400,000 objects again and again: a hundredth of predictions took 130 ms. Of what is new
    it looks at 10,000 at once instead of at 700, most of which answers on their way still need: 20 µs a prediction.
    """
    kernels.warm_recordings()
    gc.freeze()
    gc.set_threshold(10_000)
