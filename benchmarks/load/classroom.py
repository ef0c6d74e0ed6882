"""A class does the lab: what it asked, how it was answered, and what that took."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import numpy as np

from benchmarks.load.ledger import Ledger
from benchmarks.load.processes import Usage, usage
from benchmarks.load.section import table
from benchmarks.load.student import Student
from tests.service_process import Service

HEARTBEAT_SECONDS = 0.05


@dataclass(frozen=True)
class Lesson:
    """How many students work for how long.

    Attributes:
        warm_up_seconds: After which memory is held to stay as it is, `promised_growth` (a fraction) aside.
        thinking_seconds: Of each student between any two activities, from and to.
    """

    students: int
    seconds: float
    warm_up_seconds: float
    promised_growth: float
    thinking_seconds: tuple[float, float]
    seed: int


@dataclass(frozen=True)
class Report:
    """How a lesson went.

    Attributes:
        seconds: From its beginning to its end, which is when the last job has ended.
        ends: How the accepted jobs stand then, by status.
        warm: What each process had taken after warm-up.
        finished: What it has taken at the end.
        own_seconds: Processor time of the class itself, which shares the machine with the service.
        own_lateness: How late, in ms, the class was to do what was due (99th percentile): its own part in latencies.
    """

    lesson: Lesson
    ledger: Ledger
    seconds: float
    ends: Mapping[str, int]
    warm: Mapping[str, Usage]
    finished: Mapping[str, Usage]
    own_seconds: float
    own_lateness: float

    def lines(self) -> Iterator[str]:
        """The figures as Markdown."""
        ledger, ends = self.ledger, ", ".join(f"{count} {status}" for status, count in sorted(self.ends.items()))
        yield (
            f"{self.lesson.students} students for {self.lesson.seconds:g} s (seed {self.lesson.seed}): "
            f"{ledger.requests} answers, {ledger.requests / self.seconds:.0f} a second; "
            f"{len(ledger.accepted)} jobs accepted, of which {ends or 'none'}. The class itself took "
            f"{self.own_seconds / self.seconds:.0%} of a core and was at most {self.own_lateness:.0f} ms late (p99)."
        )
        yield ""
        rows = [[each.endpoint, str(each.count), *map(_milliseconds, each.percentiles)] for each in ledger.latencies()]
        yield from table(["endpoint", "answers", "p50 ms", "p95 ms", "p99 ms"], rows)
        if ledger.refusals:
            rows = [[endpoint, status, str(count)] for (endpoint, status), count in sorted(ledger.refusals.items())]
            yield from table(["refused", "status", "times"], rows)
        else:
            yield from ("Nothing was refused.", "")
        rows = [
            [
                name,
                f"{warm.megabytes:.0f}",
                f"{self.finished[name].megabytes:.0f}",
                f"{self._growth(name):+.1%}",
                f"{self.finished[name].seconds / self.seconds:.0%}",
            ]
            for name, warm in self.warm.items()
        ]
        yield from table(["process", "MB after warm-up", "MB at the end", "growth", "of a core"], rows)

    def broken(self) -> Iterator[str]:
        """Each promise that the figures do not keep."""
        for (endpoint, status), count in sorted(self.ledger.dishonest.items()):
            yield f"{endpoint} was answered {count} times with {status}"
        if lost := len(self.ledger.accepted) - self.ends.get("succeeded", 0):
            yield f"{lost} of {len(self.ledger.accepted)} accepted jobs did not succeed"
        for name in self.warm:
            if self._growth(name) >= self.lesson.promised_growth:
                yield f"the memory of {name} grew by {self._growth(name):.1%} after warm-up"

    def _growth(self, name: str) -> float:
        """Of a process's memory since warm-up, as a fraction."""
        return self.finished[name].megabytes / self.warm[name].megabytes - 1


def teach(service: Service, lesson: Lesson) -> Report:
    """Lets a class do the lab with a running service."""
    return asyncio.run(_teach(service, lesson))


async def _teach(service: Service, lesson: Lesson) -> Report:
    ledger, late = Ledger(), list[float]()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(_client(service)) for _ in range(lesson.students)]
        students = [
            Student(client, ledger, f"{lesson.seed}:{number}", lesson.thinking_seconds)
            for number, client in enumerate(clients)
        ]
        heart = asyncio.create_task(_beat(late))
        began, own_before = time.monotonic(), time.process_time()
        lessons = [asyncio.create_task(student.study(began + lesson.seconds)) for student in students]
        await asyncio.sleep(lesson.warm_up_seconds)
        warm = usage(service)
        await asyncio.gather(*lessons)
        seconds, own_seconds = time.monotonic() - began, time.process_time() - own_before
        heart.cancel()
        return Report(
            lesson=lesson,
            ledger=ledger,
            seconds=seconds,
            ends=await _ends(clients[0], ledger.accepted),
            warm=warm,
            finished=usage(service),
            own_seconds=own_seconds,
            own_lateness=1000 * float(np.percentile(late, 99)),
        )


def _client(service: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.url, timeout=60, transport=httpx.AsyncHTTPTransport(verify=False))


async def _beat(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + HEARTBEAT_SECONDS
        await asyncio.sleep(HEARTBEAT_SECONDS)
        late.append(time.perf_counter() - due)


async def _ends(client: httpx.AsyncClient, jobs: Sequence[str]) -> Mapping[str, int]:
    return Counter([(await client.get(f"/jobs/{job}?renderings=none")).json()["status"] for job in jobs])


def _milliseconds(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"
