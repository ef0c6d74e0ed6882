"""Kernels made ready while nobody waits for them."""

import logging
import threading
from collections.abc import Callable

from models import kernels

log = logging.getLogger(__name__)


def warm_answers() -> None:
    """Makes ready what the answers that are given at once are computed and drawn with."""
    from service.rendering import stamping  # brings numba, 0.3 s and 100 MB

    kernels.warm_recordings()
    stamping.warm()


def warm_in_background(warm: Callable[[], None]) -> threading.Thread:
    """Calls `warm` in this thread of its own; where it cannot be done, whoever needs a kernel is told why."""
    thread = threading.Thread(target=_warm, args=(warm,), name="warming", daemon=True)
    thread.start()
    return thread


def _warm(warm: Callable[[], None]) -> None:
    try:
        warm()
    except Exception:
        log.exception("the kernels are not ready")
