"""How fast one student may ask: a steady pace, with room for a burst.

Each API process keeps its own pace: protection against a script that runs wild is worth no write to the database with
every request. What must be exact across processes, jobs and models, is counted there (`service/jobs/limits.py`).
"""

import time
from collections.abc import Callable

from service.errors import TooManyRequests
from service.principals import Principal

BURST_SECONDS = 10.0  # so many seconds' worth of requests may come at once
_MOST_KNOWN = 10_000


class Pace:
    """The generic cell rate algorithm: of each student, when their next request would be exactly in time.

    Args:
        per_minute: Requests of one student; 0 for any number.
        clock: Seconds that only ever grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._in_time: dict[str, float] = {}

    def refusal(self, principal: Principal) -> TooManyRequests | None:
        """Counts a request, or says why it is one too many; a refused one does not count."""
        if not self._per_minute or principal.role != "student":
            return None
        now = self._clock()
        in_time = max(now, self._in_time.get(principal.id, now))
        if in_time - now > BURST_SECONDS:
            error = TooManyRequests(
                f"You send more than {self._per_minute} requests a minute, as many as one student may; send fewer, or "
                "all at once where there is a way, such as images of /cnn/predict."
            )
            error.retry_after_seconds = in_time - now - BURST_SECONDS
            return error
        self._forget_the_calm(now)
        self._in_time[principal.id] = in_time + 60 / self._per_minute
        return None

    def _forget_the_calm(self, now: float) -> None:
        if len(self._in_time) >= _MOST_KNOWN:
            self._in_time = {principal: at for principal, at in self._in_time.items() if at > now}
