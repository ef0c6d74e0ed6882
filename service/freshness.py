"""What is read from the database and kept for a moment, so that not every request has to ask for it."""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Fresh(Generic[T]):
    """A value that is never older than so many seconds when it is used.

    From half that age on it is read anew beside the requests, which take what is known meanwhile; only the first ones
    after a silence wait. When all waited, a hundredth of a busy service's answers took 77 ms.
    """

    def __init__(self, read: Callable[[], T], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._kept: tuple[T, float] | None = None
        self._reading = threading.Lock()

    @property
    def is_at_hand(self) -> bool:
        """Whether it can be had without waiting."""
        return self._age < self._seconds

    def now(self) -> T:
        """The value; where it is too old, as it is read in this thread."""
        kept, age = self._kept, self._age
        if kept is None or age >= self._seconds:
            return self._awaited()
        if age >= self._seconds / 2 and self._reading.acquire(blocking=False):
            threading.Thread(target=self._renew_beside, name="freshness", daemon=True).start()
        return kept[0]

    def forget(self) -> None:
        """Lets nobody take what was read before this."""
        with self._reading:
            self._kept = None

    @property
    def _age(self) -> float:
        return math.inf if self._kept is None else time.monotonic() - self._kept[1]

    def _awaited(self) -> T:
        with self._reading:
            if self._kept is None or not self.is_at_hand:
                self._kept = self._renewed()
            return self._kept[0]

    def _renewed(self) -> tuple[T, float]:
        began = time.monotonic()
        return self._read(), began

    def _renew_beside(self) -> None:
        try:
            self._kept = self._renewed()
        except Exception:
            log.debug("not read anew; whoever waits for it next is told why", exc_info=True)
        finally:
            self._reading.release()
