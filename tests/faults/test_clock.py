"""A machine's wall clock jumps by an hour: nothing is lost, nobody is taken for dead, and no time runs backwards."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.faults.asking import ended, progress, submit, until
from tests.faults.undisturbed import LONG_TRAINING, Undisturbed
from tests.postgresql import running_cluster
from tests.service_process import await_ready, serving

LEASE_SECONDS = 2


@pytest.mark.parametrize("kind_of_database", ["sqlite", "postgresql"])
def test_a_clock_that_jumps_by_an_hour_either_way_disturbs_no_job(
    kind_of_database: str, tmp_path: Path, expected: Undisturbed
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    with ExitStack() as stack:
        environment = {"PATCHCLAMP_LEASE_SECONDS": str(LEASE_SECONDS)}
        if kind_of_database == "postgresql":  # whose clock is that of another machine, and does not jump
            environment["PATCHCLAMP_DATABASE_URL"] = stack.enter_context(running_cluster()).url
        program = ("tests.faults.jumping_clock", str(clock))
        parts = [
            stack.enter_context(serving(tmp_path, part, environment=environment, is_awaited=False, program=program))
            for part in ("worker", "worker", "api")
        ]
        await_ready(parts[-1])
        client = stack.enter_context(parts[-1].client())
        job = submit(client, LONG_TRAINING, "jump").json()["id"]
        for step, hours in ((500, 1), (4000, -1)):
            until(lambda step=step: progress(client, job)["step"] >= step)
            clock.write_text(str(hours))
            if kind_of_database == "sqlite":
                assert abs(time_of_a_new_job(client, hours) - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(
                    minutes=5
                )
            until(lambda: client.get("/readyz").status_code == 200, seconds=LEASE_SECONDS)
            assert (progress(client, job)["eta_seconds"] or 0) < 3000  # less than the jump
        assert ended(client, job) == expected.result(LONG_TRAINING, job)
        document = client.get(f"/jobs/{job}").json()
        times = [document[name] for name in ("created_at", "started_at", "finished_at")]
        assert document["attempts"] == 1
        assert times == sorted(times)
        assert "goes back to the queue" not in "".join(part.log.read_text() for part in parts)


def time_of_a_new_job(client: httpx.Client, hours: int) -> datetime:
    """When the database's clock says that a job was made just now; it is cancelled again."""
    job = submit(client, LONG_TRAINING, f"time {hours}").json()
    client.post(f"/jobs/{job['id']}/cancel")
    return datetime.fromisoformat(job["created_at"])
