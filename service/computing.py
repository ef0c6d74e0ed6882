"""Where an API process computes: beside its event loop, on as many threads as there are cores to be busy."""

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import anyio
import numpy as np
from numpy.typing import NDArray

from models.digit_net import DigitNet, Drives
from service.warming import warm_answers, warm_in_background

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
_Waiting = tuple[NDArray[np.float32], asyncio.Future[Drives]]


async def others_to_catch_up() -> None:
    """Waits for the requests that came at the same time to get as far as this one; a request that is alone goes on.

    Each part of their answers is then done for all of them, one after the other, while the processor has its code and
    data at hand. With 16 at a time an answer took 770 µs without, and 570 with.
    """
    await asyncio.sleep(0)


class Computing:
    """Threads for analyses and drawings; kernels are made ready beside them. What is brief is done without a thread.

    More at once would end no sooner, and each keeps its arrays: with forty threads a class of a hundred made the API
    grow by a quarter in ten minutes.
    """

    def __init__(self) -> None:
        self._places = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))
        self._warming = warm_in_background(_make_ready)
        self._waiting: dict[DigitNet, list[_Waiting]] = {}

    @property
    def is_quick(self) -> bool:
        """Whether what is brief is so already: nothing is left to be compiled."""
        return not self._warming.is_alive()

    async def run(self, compute: Callable[Asked, Answer], *asked: Asked.args, **named: Asked.kwargs) -> Answer:
        """Computes in a thread, when one is free."""
        return await anyio.to_thread.run_sync(lambda: compute(*asked, **named), limiter=self._places)

    async def drives(self, network: DigitNet, images: NDArray[np.float32]) -> Drives:
        """What the network says to images (image, row, column), shown to it with those of all who ask in this turn.

        Nobody waits for company, and the numbers are the same in any. With 16 at a time it takes 25 µs of an answer
        less than a pass for each.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._show_all)
        shown: asyncio.Future[Drives] = loop.create_future()
        self._waiting.setdefault(network, []).append((images, shown))
        return await shown

    def _show_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for network, asked in waiting.items():
            try:
                _show(network, asked)
            except Exception as fault:
                for _, shown in asked:
                    if not shown.done():
                        shown.set_exception(fault)


def _show(network: DigitNet, asked: Sequence[_Waiting]) -> None:
    drives = network.drives_one_by_one(np.concatenate([images for images, _ in asked]))
    first = 0
    for images, shown in asked:
        own = slice(first, first + len(images))
        if not shown.done():  # who left meanwhile is told nothing
            shown.set_result({layer: drive[own] for layer, drive in drives.items()})
        first = own.stop


def _make_ready() -> None:
    """Has all that short analyses use at hand, and tells the garbage collector that it will stay.

    Else it looks through these 400,000 objects again and again: a hundredth of predictions took 130 ms. Of what is new
    it looks at 10,000 at once instead of at 700, most of which answers on their way still need: 20 µs a prediction.
    """
    warm_answers()
    gc.freeze()
    gc.set_threshold(10_000)
