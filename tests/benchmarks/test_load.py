"""`make load` in its short form keeps what is promised under load, and would say where it is not kept."""

import asyncio
import subprocess
import sys
from collections import Counter

import httpx
import pytest

from benchmarks.load import student
from benchmarks.load.backlog import SpeedUp
from benchmarks.load.beside_training import Disturbance, Pair
from benchmarks.load.classroom import Lesson, Report
from benchmarks.load.ledger import Ledger
from benchmarks.load.processes import Usage
from benchmarks.load.student import Refused, Student
from models.digits import Digits
from tests import postgresql
from tests.conftest import leave_out
from tests.service_process import ROOT


def load(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.load", "--short", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_class_is_answered_without_a_fault_and_every_accepted_job_succeeds(digits: Digits, database: str) -> None:
    if database == "postgresql" and not postgresql.is_installed():
        leave_out(database, postgresql.ABSENT)
    done = load("--database", database, "--only", "class")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| POST /cnn/predict without pictures |" in done.stdout


def test_predictions_stay_quick_beside_training_and_two_workers_are_nearly_twice_as_fast(digits: Digits) -> None:
    """Tried twice: whatever else runs on the machine for a moment, takes its time from one side of a ratio."""
    done = load("--database", "sqlite", "--only", "training", "backlog")
    if done.returncode != 0:
        done = load("--database", "sqlite", "--only", "training", "backlog")
    assert done.returncode == 0, done.stdout + done.stderr


LESSON = Lesson(students=1, seconds=1, warm_up_seconds=1, promised_growth=0.05, thinking_seconds=(0.0, 0.0), seed=1)


def report(ledger: Ledger, ends: dict[str, int] | None = None, megabytes: float = 100) -> Report:
    return Report(
        lesson=LESSON,
        ledger=ledger,
        seconds=1,
        ends=Counter(ends or {}),
        warm={"api": Usage(100, 1)},
        finished={"api": Usage(megabytes, 2)},
        own_seconds=0,
        own_lateness=0,
    )


def test_what_is_not_kept_is_told() -> None:
    assert list(report(Ledger()).broken()) == []
    assert list(report(Ledger(accepted=["a", "b"]), {"succeeded": 2}).broken()) == []
    (lost,) = report(Ledger(accepted=["a", "b"]), {"succeeded": 1, "queued": 1}).broken()
    assert lost == "1 of 2 accepted jobs did not succeed"
    (grown,) = report(Ledger(), megabytes=105).broken()
    assert "grew by 5.0%" in grown
    assert list(SpeedUp(4, one_seconds=1.8, two_seconds=1.0).broken()) == []
    assert len(list(SpeedUp(4, one_seconds=1.79, two_seconds=1.0).broken())) == 1
    assert list(SpeedUp(4, one_seconds=1.63, two_seconds=1.0, cores=1.8).broken()) == []
    assert len(list(SpeedUp(4, one_seconds=1.61, two_seconds=1.0, cores=1.8).broken())) == 1
    pairs = [Pair("memories", 9, idle_p99=1, busy_p99=2.9), Pair("digits", 9, idle_p99=1, busy_p99=3)]
    (slow,) = Disturbance(pairs).broken()
    assert slow.endswith("the training of digits")


def answering(*responses: httpx.Response) -> tuple[Student, Ledger]:
    """A student whose service gives these answers, one after the other."""
    remaining, ledger = list(responses), Ledger()
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: remaining.pop(0)), base_url="http://service.test"
    )
    return Student(client, ledger, "1", LESSON.thinking_seconds), ledger


@pytest.mark.parametrize("status", [429, 503])
def test_a_student_comes_again_when_told_and_that_is_honest(status: int) -> None:
    later = httpx.Response(status, headers={"Retry-After": "0"})
    patient, ledger = answering(later, later, httpx.Response(200))
    asyncio.run(patient.ask("GET /models"))
    assert ledger.refusals == {("GET /models", str(status)): 2}
    assert ledger.dishonest == {}
    assert ledger.requests == 1
    weary, _ = answering(*[later] * student.PATIENCE)
    with pytest.raises(Refused):
        asyncio.run(weary.ask("GET /models"))


@pytest.mark.parametrize("response", [httpx.Response(500), httpx.Response(503), httpx.Response(404)])
def test_any_other_refusal_is_a_promise_broken(response: httpx.Response) -> None:
    refused, ledger = answering(response)
    with pytest.raises(Refused):
        asyncio.run(refused.ask("GET /models"))
    assert list(report(ledger).broken()) == [f"GET /models was answered 1 times with {response.status_code}"]
