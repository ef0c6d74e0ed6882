"""Waiting for what no event tells to another process or thread."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Returns as soon as the condition is met.

    Raises:
        AssertionError: It was not within so many seconds.
    """
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "the condition was never met"
        time.sleep(0.02)
