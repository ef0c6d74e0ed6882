"""Jobs that do what no job should, and a worker that takes them: `python -m tests.faults.misbehaving WORKER`."""

import os
import signal
import sys
import threading
from typing import Any

from pydantic import BaseModel

from service import logs
from service.jobs.kinds import Kind, Outcome
from service.jobs.worker import run_worker
from service.operations import KINDS
from service.schemas.common import Schema
from service.settings import read_settings

MEGABYTE = 10**6
FEAST_MEGABYTES = 3000  # where nobody ends it, it ends by itself before the machine does


class Nothing(Schema):
    """A request that asks for nothing."""


class _Misbehaviour:
    """Work of one slice that never ends well."""

    total = 1
    step = 0
    is_finished = False
    metrics: dict[str, float] = {}  # noqa: RUF012  # stays empty

    def state(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        raise NotImplementedError


class Hanging(_Misbehaviour):
    def advance(self) -> None:
        threading.Event().wait()


class Raising(_Misbehaviour):
    def advance(self) -> None:
        raise ZeroDivisionError("nobody has foreseen this")


class Dying(_Misbehaviour):
    def advance(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Devouring(_Misbehaviour):
    def advance(self) -> None:
        eaten = [bytearray(10 * MEGABYTE) for _ in range(FEAST_MEGABYTES // 10)]
        raise AssertionError(f"nobody minded {len(eaten)} times 10 MB")


def _kind(name: str, work: type[_Misbehaviour]) -> Kind[Any, Any]:
    return Kind(
        name=name,
        schema=Nothing,
        answer=BaseModel,
        settle=lambda request, _lab: request,
        begin=lambda _request, _lab: work(),
        finish=lambda *_: Outcome({}),
        renderings=lambda _result: [],
    )


MISBEHAVING = {
    name: _kind(name, work)
    for name, work in {"hang": Hanging, "raise": Raising, "die": Dying, "devour": Devouring}.items()
}

if __name__ == "__main__":
    settings = read_settings(dict(os.environ))
    logs.configure(settings.log_level, settings.log_format)
    run_worker(settings, {**KINDS, **MISBEHAVING}, sys.argv[1])
