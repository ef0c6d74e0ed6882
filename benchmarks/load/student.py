"""A student doing the lab: draws and looks, tunes and trains, watches a memory, and thinks in between."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx
import orjson

from benchmarks.load.ledger import Ledger

PNG = {"Accept": "image/png"}
WITHOUT_PICTURES = "?renderings=none"
STROKE_SECONDS = (2.0, 5.0)
PREDICTIONS_PER_SECOND = (10.0, 20.0)
EVENTS = "GET /jobs/{id}/events"
PATIENCE = 5  # how often a student asks again when told to
RESULT = "GET /jobs/{id}/result"


class Refused(Exception):
    """The service answered with something else than what was asked for; it is in the ledger."""


class Student:
    """One student with a connection and a will (a seed) of their own, who thinks so long between any two activities."""

    def __init__(
        self, client: httpx.AsyncClient, ledger: Ledger, seed: str, thinking_seconds: tuple[float, float]
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._chance = random.Random(seed)  # nosec B311: a student's whims are no secret
        self._thinking_seconds = thinking_seconds

    async def study(self, until: float) -> None:
        """Goes from activity to activity, and begins none after `until` (by `time.monotonic`)."""
        activities = {
            self.draw: 5,
            self.look_at_digits: 3,
            self.watch_a_memory: 3,
            self.tune: 2,
            self.train_a_memory: 1,
            self.look_back: 1,
            self.train_a_digit_net: 0.25,
        }
        await asyncio.sleep(self._chance.uniform(0, self._thinking_seconds[1]))  # nobody begins on the dot
        while time.monotonic() < until:
            (activity,) = self._chance.choices([*activities], [*activities.values()])
            with suppress(Refused):  # it is noted; a student shrugs and tries something else
                await activity()
            await asyncio.sleep(self._chance.uniform(*self._thinking_seconds))

    async def draw(self) -> None:
        """Draws with the network reading along, and looks into the layers when it is done."""
        ink = [[0.0] * 28 for _ in range(28)]
        row, column = self._chance.uniform(6, 21), self._chance.uniform(6, 21)
        pause = 1 / self._chance.uniform(*PREDICTIONS_PER_SECOND)
        ends = time.monotonic() + self._chance.uniform(*STROKE_SECONDS)
        while (due := time.monotonic() + pause) < ends:
            row = min(26, max(0, row + self._chance.uniform(-2, 2)))
            column = min(26, max(0, column + self._chance.uniform(-2, 2)))
            for across in (0, 1):
                ink[int(row)][int(column) + across] = ink[int(row) + 1][int(column) + across] = 1.0
            await self.ask("POST /cnn/predict", {"image": {"pixels": ink}}, WITHOUT_PICTURES)
            await asyncio.sleep(due - time.monotonic())  # what is late is waited for, as a page would
        await self.ask("POST /cnn/activations", {"image": {"pixels": ink}})

    async def look_at_digits(self) -> None:
        """Leafs through the digits and looks at what one of them does to the layers."""
        await self.ask("GET /digits", query=f"?split=test&limit=20&label={self._chance.randrange(10)}")
        index = self._chance.randrange(10_000)
        image = {"image": {"sample": {"split": "test", "index": index}}}
        await self.ask("GET /digits/test/{index}", headers=PNG, index=index)
        await self.ask("POST /cnn/predict", image)
        await self.ask("POST /cnn/activations", image)
        await self.ask("POST /cnn/activations", image, "?rendering=l1", PNG)

    async def watch_a_memory(self) -> None:
        """Watches a shipped memory do its task, its gates, and how long it remembers."""
        trial = {"model": self._chance.choice(["memory-lstm", "memory-lstm-open"]), "seed": self._seed()}
        for delay in sorted(self._chance.sample(range(5, 200), 3)):
            await self.ask("POST /lstm/simulate", {**trial, "delay": delay})
            await asyncio.sleep(self._chance.uniform(0.2, 1))
        await self.ask("POST /lstm/gates", {**trial, "delay": 15})
        await self.ask("POST /lstm/horizon", trial)

    async def tune(self) -> None:
        """Seeks what a unit prefers, follows the search and looks at what was found."""
        unit = self._chance.choice(
            [
                {"layer": "y", "unit": self._chance.randrange(10)},
                {"layer": "l3", "unit": self._chance.randrange(120)},
                {"layer": "l2", "unit": {"channel": self._chance.randrange(16), "row": 3, "column": 3}},
            ]
        )
        job = await self._job("POST /cnn/tune", {**unit, "seed": self._seed()})
        await self.ask(RESULT, id=job)
        await self.ask(RESULT, query="?rendering=stimulus", headers=PNG, id=job)

    async def train_a_memory(self) -> None:
        """Trains a memory and lets it do the task."""
        job = await self._job("POST /lstm/train", {"seed": self._seed(), "name": "a student's memory"})
        model = (await self.ask(RESULT, id=job)).json()["model"]["id"]
        await self.ask("POST /lstm/simulate", {"model": model, "delay": 15, "seed": self._seed()})

    async def train_a_digit_net(self) -> None:
        """Trains the lab's network and lets it read sixteen digits."""
        job = await self._job("POST /cnn/train", {"seed": self._seed(), "name": "a student's network"})
        model = (await self.ask(RESULT, id=job)).json()["model"]["id"]
        digits = [{"sample": {"split": "test", "index": self._chance.randrange(10_000)}} for _ in range(16)]
        await self.ask("POST /cnn/predict", {"model": model, "images": digits})

    async def look_back(self) -> None:
        """Looks through jobs and models."""
        await self.ask("GET /jobs", query="?limit=20")
        await self.ask("GET /models")

    async def ask(
        self,
        endpoint: str,
        body: Mapping[str, Any] | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        **places: object,
    ) -> httpx.Response:
        """The answer of an endpoint such as ``GET /digits/test/{index}``, noted in the ledger.

        Raises:
            Refused: It is another one than was asked for.
        """
        method, template = endpoint.split()
        request = self._client.build_request(
            method,
            template.format(**places) + query,
            content=None if body is None else orjson.dumps(body),
            headers={**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})},
        )
        without = " without pictures" if query == WITHOUT_PICTURES else ""
        return await self._send(f"{endpoint}{without}{' as PNG' if headers == PNG else ''}", request)

    async def _job(self, endpoint: str, body: Mapping[str, Any]) -> str:
        """The id of a job, submitted and followed to its end; what counts of the stream is how soon it begins."""
        job = (await self.ask(endpoint, body)).json()["id"]
        self._ledger.accepted.append(job)
        request = self._client.build_request("GET", EVENTS[4:].format(id=job), timeout=httpx.Timeout(60, read=None))
        stream = await self._send(EVENTS, request, is_stream=True)
        try:
            async for _ in stream.aiter_raw():
                pass
        except httpx.TransportError as error:
            self._ledger.refused(EVENTS, type(error).__name__)
            raise Refused from error
        finally:
            await stream.aclose()
        return job

    async def _send(self, endpoint: str, request: httpx.Request, is_stream: bool = False) -> httpx.Response:
        """The answer; a service that says when to come again is asked again then."""
        for _ in range(PATIENCE):
            began = time.perf_counter()
            try:
                response = await self._client.send(request, stream=is_stream)
            except httpx.TransportError as error:
                self._ledger.refused(endpoint, type(error).__name__)
                raise Refused from error
            if response.is_success:
                self._ledger.answered(endpoint, time.perf_counter() - began)
                return response
            await response.aclose()
            retry_after = response.headers.get("Retry-After")
            self._ledger.refused(endpoint, str(response.status_code), retry_after)
            if response.status_code not in (429, 503) or retry_after is None:
                break
            await asyncio.sleep(float(retry_after))
        raise Refused

    def _seed(self) -> int:
        return self._chance.randrange(2**31)
