"""What the worker does between the slices of a job."""

import pytest
import sqlalchemy as sa

from models.checkpoints import weights_bytes, weights_sha256
from models.digit_net import DigitNet
from service import database
from service.errors import UnknownModel
from service.jobs import worker
from service.jobs.engine import Jobs, Settled
from service.lab import Lab
from service.operations import KINDS
from service.operations.tuning import TUNE
from service.principals import Principal
from service.schemas.tuning import TuneRequest


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    return clock


@pytest.mark.parametrize(("takes", "pause"), [(0.01, 1.0), (0.5, 10.0)])
def test_what_takes_long_is_done_more_rarely_a_twentieth_of_the_time_at_most(
    clock: Clock, takes: float, pause: float
) -> None:
    pace = worker._Pace(1.0)
    assert not pace.is_due
    clock.now = 1.0
    assert pace.is_due
    with pace.kept():
        clock.now += takes
    ended = clock.now
    clock.now = ended + 0.99 * pause
    assert not pace.is_due
    clock.now = ended + pause
    assert pace.is_due


def test_a_job_uses_only_models_that_its_principal_sees_when_it_begins(
    lab: Lab, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.DBOS, "write_stream", lambda *_: None)
    monkeypatch.setattr(lab, "digits_if_any", lambda: None)
    weights = weights_bytes(DigitNet())
    model = {"id": "anna-s", "family": "digit-net", "job_id": "none", "made_at": 0, "card": {"architecture": {}}}
    model |= {"sha256": weights_sha256(weights), "weights": weights, "owner": "neuro/anna", "course": "neuro"}
    with engine.begin() as connection:
        connection.execute(sa.insert(database.models).values(model))
    request = {"model": "anna-s", "layer": "y", "unit": 3, "starts": 1, "steps": 1, "seed": 1}
    settled = TUNE.settle(TuneRequest.model_validate(request), lab).model_dump(mode="json")
    jobs = Jobs(engine, lab.settings)
    job = jobs.seen_by(Principal("neuro/ben", "student", "neuro")).submit(
        "cnn.tune", {}, lambda: Settled(settled, 1.0, 0)
    )
    jobs.close()

    doing = worker.Worker(lab, KINDS, "worker")
    with pytest.raises(UnknownModel):
        doing._outcome(worker._Attempt(job.id))
    lab.catalogue.share("anna-s")
    outcome = doing._outcome(worker._Attempt(job.id))
    assert outcome is not None
    assert outcome.result["model"]["id"] == "anna-s"
