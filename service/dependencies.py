"""Dependencies for FastAPI."""

import inspect
from typing import Any


def made(of: type) -> Any:
    """Makes an object of what its constructor declares; FastAPI would send a plain class through a thread for that."""

    async def make(**declared: Any) -> Any:
        return of(**declared)

    make.__signature__ = inspect.signature(of)  # type: ignore[attr-defined]
    return make
