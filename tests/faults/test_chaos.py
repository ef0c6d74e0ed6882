"""A short play of faults at random, and that what looks after the promises would see each one broken."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import chaos
from tests.faults.chaos import BrokenPromise, Plan, Report
from tests.faults.parts import History
from tests.faults.undisturbed import Submission, Undisturbed, canonical

PLAN = Plan(
    seed=1,
    kills=5,
    terminations=2,
    freezes=1,
    outages=1,
    outage_seconds=4.0,
    lease_seconds=2.0,
    longest_peace_seconds=2.0,
)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_promise_is_kept_through_kills_a_freeze_and_an_outage(
    database: str, tmp_path: Path, expected: Undisturbed
) -> None:
    report = chaos.run(database, PLAN, tmp_path, expected)
    assert report.broken == []
    counts = report.counts
    assert [counts[fault] for fault in ("SIGKILL", "SIGTERM", "freezes")] == [5, 2, 1]
    assert counts["outages"] == (database == "postgresql")
    assert counts["accepted"] == counts["succeeded"] + counts["cancelled"] > 0
    assert counts["attempts"] > counts["succeeded"]  # some job was under way when its worker was hit


WEIGHTS = b"weights"
MODEL = {"id": "memory-lstm-1", "sha256": hashlib.sha256(WEIGHTS).hexdigest(), "origin": "trained"}
RESULT = {"loss": 0.125, "model": MODEL}
SUBMISSION = Submission("lstm.train", "{}")
HONEST_REFUSAL = {"Content-Type": "application/problem+json", "Retry-After": "1"}
JSON = {"Content-Type": "application/json"}

THINGS = ("database", "worker1", "worker2", "api1")

Answer = tuple[int, dict[str, str], bytes]


def answer(content: Any, status: int = 200, **headers: str) -> Answer:
    return status, {**JSON, **headers}, json.dumps(content).encode()


def stream(*numbers: int) -> Answer:
    """Events of these numbers, the last of which says that the job has succeeded."""
    names = ["progress"] * (len(numbers) - 1) + ["succeeded"]
    told = "".join(f"id: {number}\nevent: {name}\ndata: {{}}\n\n" for number, name in zip(numbers, names, strict=True))
    return 200, {"Content-Type": "text/event-stream"}, told.encode()


class Pretence:
    """A service that only pretends, and the installation that it stands for; `answers` by method and path."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = {
            "id": "j1",
            "status": "succeeded",
            "finished_at": "noon",
            "attempts": 1,
            "error": None,
        }
        self.jobs = [self.job]
        self.answers: dict[str, Callable[[], Answer]] = {
            "GET /jobs": lambda: answer({"jobs": self.jobs, "next": None}),
            "GET /jobs/j1/result": lambda: answer(RESULT),
            "GET /jobs/j1/events": lambda: stream(0, 1, 2),
            "GET /models": lambda: answer({"models": [MODEL]}),
            "GET /models/memory-lstm-1/weights": lambda: (200, {}, WEIGHTS),
            "POST /lstm/train": lambda: answer({"id": "j1"}, 202),
            "GET /readyz": lambda: answer({}),
        }
        self.history = History()
        for name in THINGS:
            self.history.note(name, "up")
        self.report = Report("made up", 1)
        self.installation = self._installation()
        self.client = chaos._Client(self.installation, self.report, "seed")

    def _installation(self) -> Any:
        return SimpleNamespace(
            urls=[],
            accepted={"key": ("j1", SUBMISSION)},
            cancelled=set(),
            no_more_work=threading.Event(),
            is_over=threading.Event(),
            history=self.history,
            plan=Plan(1, 0, 0, 0, 0, lease_seconds=0, late_seconds=0),  # what is told has to be true at once
            server=object(),
            workers=[],
            states=lambda moment: {name: self.history.at(name, moment) for name in THINGS},
        )

    def examined(self) -> list[str]:
        """What the examination finds broken."""
        chaos._examine(self.client, self.installation, self.report, FixedResults())  # type: ignore[arg-type]
        return self.report.broken

    def act(self, name: str, **options: Any) -> None:
        """Lets one of those who look on do one round."""
        getattr(chaos, name)("somebody", self.client, self.installation, self.report, **options)

    def last(self, given: Callable[[], Answer], event: str) -> Callable[[], Answer]:
        """The answer, after which nobody goes on."""

        def told() -> Answer:
            getattr(self.installation, event).set()
            return given()

        return told


class FixedResults:
    def result(self, submission: Submission, job_id: str) -> bytes:
        assert (submission, job_id) == (SUBMISSION, "j1")
        return canonical(RESULT)


@pytest.fixture
def pretence() -> Iterator[Pretence]:
    pretended = Pretence()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = pretended.answers[f"{self.command} {self.path.partition('?')[0]}"]()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pretended.installation.urls.append(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pretended.client:
            yield pretended
        server.shutdown()
        thread.join()


def test_nothing_is_said_of_a_service_that_keeps_its_promises(pretence: Pretence) -> None:
    assert pretence.examined() == []
    assert pretence.report.counts["succeeded"] == 1
    pretence.answers["GET /jobs/j1/events"] = pretence.last(lambda: stream(0, 1, 2), "no_more_work")
    pretence.act("_follow")
    pretence.answers["GET /jobs"] = pretence.last(lambda: answer({"jobs": pretence.jobs, "next": None}), "is_over")
    pretence.act("_watch")
    pretence.installation.is_over.clear()
    pretence.answers["GET /readyz"] = pretence.last(lambda: answer({}), "is_over")
    pretence.act("_probe", url=pretence.installation.urls[0])


def changed_result(pretence: Pretence) -> None:
    pretence.answers["GET /jobs/j1/result"] = lambda: answer({**RESULT, "loss": 0.125000000000001})


def changed_weights(pretence: Pretence) -> None:
    pretence.answers["GET /models/memory-lstm-1/weights"] = lambda: (200, {}, b"weightz")


def lost_job(pretence: Pretence) -> None:
    pretence.jobs[:] = [{**pretence.job, "id": "j2"}]


def second_job_of_a_key(pretence: Pretence) -> None:
    pretence.answers["POST /lstm/train"] = lambda: answer({"id": "j2"}, 202)


def job_of_no_key(pretence: Pretence) -> None:
    pretence.jobs.append({**pretence.job, "id": "j2"})


def failed_job(pretence: Pretence) -> None:
    pretence.job["status"] = "failed"


def unfinished_job(pretence: Pretence) -> None:
    pretence.job["status"] = "running"


def success_of_a_cancelled_job(pretence: Pretence) -> None:
    pretence.installation.cancelled.add("j1")


def model_of_nobody(pretence: Pretence) -> None:
    pretence.answers["GET /models"] = lambda: answer({"models": [MODEL, {**MODEL, "id": "nobody-s"}]})


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (changed_result, "another result than an undisturbed one"),
        (changed_weights, "other weights than its job's result names"),
        (lost_job, "accepted and is lost"),
        (second_job_of_a_key, "key 'key' gave job j1, then j2"),
        (job_of_no_key, "2 jobs of 1 keys"),
        (failed_job, "is failed"),
        (unfinished_job, "is running"),
        (success_of_a_cancelled_job, "was cancelled, yet succeeded"),
        (model_of_nobody, "nobody's models: ['nobody-s']"),
    ],
)
def test_a_broken_promise_is_told(pretence: Pretence, broken: Callable[[Pretence], None], told: str) -> None:
    broken(pretence)
    assert any(told in line for line in pretence.examined()), pretence.report.broken


@pytest.mark.parametrize(
    "dishonest",
    [(500, HONEST_REFUSAL, b"{}"), (503, JSON, b"{}"), (503, {**HONEST_REFUSAL, "Content-Type": "text/plain"}, b"")],
)
def test_an_answer_that_no_fault_explains_is_told(pretence: Pretence, dishonest: Answer) -> None:
    pretence.answers["GET /jobs"] = lambda: dishonest
    with pytest.raises(BrokenPromise, match=f"GET /jobs.* was answered {dishonest[0]}"):
        pretence.client.jobs()
    pretence.answers["GET /jobs/j1/events"] = lambda: dishonest
    with pytest.raises(BrokenPromise, match=f"events were answered {dishonest[0]}"):
        pretence.act("_follow")


def test_a_gap_in_the_events_is_told(pretence: Pretence) -> None:
    pretence.answers["GET /jobs/j1/events"] = lambda: stream(0, 2)
    with pytest.raises(BrokenPromise, match="event 2 came after event 0"):
        pretence.act("_follow")


def test_a_job_that_ends_twice_is_told(pretence: Pretence) -> None:
    ends = iter(["noon", "one o'clock"])
    pretence.answers["GET /jobs"] = lambda: answer(
        {"jobs": [{**pretence.job, "finished_at": next(ends)}], "next": None}
    )
    with pytest.raises(BrokenPromise, match=r"ended as \('succeeded', 'noon'\), then as"):
        pretence.act("_watch")


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (200, {"worker1": "down", "worker2": "frozen"}),
        (200, {"database": "down"}),
        (503, {}),
        (503, {"worker1": "down"}),
    ],
)
def test_readiness_that_is_not_true_is_told(pretence: Pretence, status: int, changes: dict[str, Any]) -> None:
    for name, state in changes.items():
        pretence.history.note(name, state)
    pretence.answers["GET /readyz"] = lambda: answer({}, status)
    with pytest.raises(BrokenPromise, match="ready, while" if status == 200 else "503 .*, while"):
        pretence.act("_probe", url=pretence.installation.urls[0])


def test_late_beats_may_make_it_unready_for_a_moment_but_not_for_longer(pretence: Pretence) -> None:
    pretence.installation.plan = Plan(1, 0, 0, 0, 0, lease_seconds=0, late_seconds=0.6)
    pretence.installation.states = lambda moment: dict.fromkeys(THINGS, "up")
    once = iter([answer({}, 503)])
    recovered = pretence.last(lambda: answer({}), "is_over")
    pretence.answers["GET /readyz"] = lambda: next(once, None) or recovered()
    pretence.act("_probe", url=pretence.installation.urls[0])
    pretence.installation.is_over.clear()
    pretence.answers["GET /readyz"] = lambda: answer({}, 503)
    with pytest.raises(BrokenPromise, match=r"503 .*, while"):
        pretence.act("_probe", url=pretence.installation.urls[0])
