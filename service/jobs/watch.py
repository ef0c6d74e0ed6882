"""How jobs come along, for all who follow them in this process: one question to the database for all of them.

A class that follows its jobs is a hundred streams; if each asked for itself, they alone would take a third of a core.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from service import database
from service.errors import UnknownJob

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Standing:
    """How a job stands: its status in DBOS's words, and how many events it has told so far."""

    status: str
    events: int


@dataclass(eq=False)
class _Follower:
    seen: Standing
    told: asyncio.Future[Standing | None]


class Watch:
    """Looks after the jobs that somebody follows, for as long as somebody does. It belongs to one event loop."""

    def __init__(self, engine: sa.Engine, stream: str) -> None:
        self._engine = engine
        self._stream = stream
        self._followers: dict[str, set[_Follower]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def standing(self, job_id: str) -> Standing:
        """How the job stands now.

        Raises:
            UnknownJob: There is none.
        """
        standings = await asyncio.to_thread(self._standings, [job_id])
        return _known(standings.get(job_id))

    async def change(self, job_id: str, seen: Standing) -> Standing:
        """How the job stands as soon as that is no longer `seen`.

        Raises:
            UnknownJob: It is no more.
        """
        follower = _Follower(seen, asyncio.get_running_loop().create_future())
        self._followers.setdefault(job_id, set()).add(follower)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            return _known(await follower.told)
        finally:
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id]

    async def _look(self) -> None:
        is_reachable = True
        while self._followers:
            followed = list(self._followers)
            try:
                self._tell(followed, await asyncio.to_thread(self._standings, followed))
                is_reachable = True
            except Exception as error:
                if not database.is_outage(error):
                    self._give_up(error)
                elif is_reachable:
                    log.warning("the database cannot be used, looking until it can: %s", error)
                    is_reachable = False
            await asyncio.sleep(LOOK_EVERY_SECONDS)  # no event of another process reaches us on SQLite

    def _tell(self, followed: Collection[str], standings: Mapping[str, Standing]) -> None:
        for job_id in followed:
            standing = standings.get(job_id)
            for follower in self._followers.get(job_id, ()):
                if standing != follower.seen and not follower.told.done():
                    follower.told.set_result(standing)

    def _give_up(self, error: Exception) -> None:
        for followers in self._followers.values():
            for follower in followers:
                if not follower.told.done():
                    follower.told.set_exception(error)

    def _standings(self, job_ids: Collection[str]) -> dict[str, Standing]:
        status, streams = database.workflow_status(self._engine), database.streams(self._engine)
        events = (
            sa.select(sa.func.coalesce(sa.func.max(streams.c.offset) + 1, 0))
            .where(streams.c.workflow_uuid == status.c.workflow_uuid, streams.c.key == self._stream)
            .scalar_subquery()
        )
        query = sa.select(status.c.workflow_uuid, status.c.status, events).where(status.c.workflow_uuid.in_(job_ids))
        with self._engine.connect() as connection:
            return {job_id: Standing(*standing) for job_id, *standing in connection.execute(query)}


def _known(standing: Standing | None) -> Standing:
    if standing is None:
        raise UnknownJob("No job has this id; GET /jobs lists them.")
    return standing
