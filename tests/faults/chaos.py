"""Two API processes and two workers on one database, whose parts are killed, frozen and taken away at random.

Clients meanwhile submit jobs through both APIs, follow them and leave. In the end every promise is looked at; each one
that was broken is a line of the report. `python -m tests.faults.chaos` (make chaos) is the long form.
"""

import argparse
import hashlib
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import torch

from service import database
from service.lab import Lab
from service.operations import KINDS
from service.settings import Settings
from tests.faults.parts import History, Part
from tests.faults.undisturbed import Submission, Undisturbed, canonical
from tests.postgresql import Cluster, running_cluster
from tests.service_process import free_port, settings_of

TUNING = {"starts": 8, "steps": 150, "early_stop": False}
MEMORY = {"target_loss": 1e-9, "hidden_size": 2, "networks": 2}
SUBMISSIONS = [
    Submission("cnn.tune", json.dumps({"layer": "y", "unit": 3, "seed": 1, **TUNING})),
    Submission("cnn.tune", json.dumps({"layer": "l3", "unit": 17, "direction": "inhibit", "seed": 2, **TUNING})),
    Submission("lstm.train", json.dumps({"max_steps": 6000, "seed": 3, **MEMORY})),
    Submission("lstm.train", json.dumps({"max_steps": 3000, "seed": 4, "name": "short", **MEMORY})),
    Submission("cnn.train", json.dumps({"target_accuracy": 1.0, "max_steps": 1200, "seed": 5})),
]
TERMINAL = {"succeeded", "failed", "cancelled"}
TRAINING = {"cnn.train", "lstm.train"}
DRAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Plan:
    """How much goes wrong, and when: all of it follows from the seed."""

    seed: int
    kills: int
    terminations: int
    freezes: int
    outages: int
    lease_seconds: float = 3.0
    late_seconds: float = 3.0  # what a loaded machine may add to the lease
    outage_seconds: float = 10.0
    longest_peace_seconds: float = 3.0

    def faults(self, has_server: bool) -> list[str]:
        """The faults in their order."""
        faults = ["kill"] * self.kills + ["terminate"] * self.terminations + ["freeze"] * self.freezes
        random.Random(self.seed).shuffle(faults)
        for number in range(self.outages if has_server else 0):  # in the middle of work
            faults.insert((number + 1) * len(faults) // (self.outages + 1), "outage")
        return faults


@dataclass
class Report:
    """What happened, and every promise that was broken."""

    database: str
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    COLUMNS = (
        *("accepted", "succeeded", "cancelled", "failed", "SIGKILL", "SIGTERM", "freezes", "outages"),
        *("takeovers", "attempts", "retries", "streams left", "readiness asked"),
    )

    def row(self) -> str:
        """The figures as a row of a Markdown table."""
        figures = [self.database, *(self.counts[column] for column in self.COLUMNS), f"{self.seconds:.0f} s"]
        return f"| {' | '.join(map(str, figures))} |"

    @classmethod
    def head(cls) -> str:
        """The head of that table."""
        names = ["database", *cls.COLUMNS, "duration"]
        return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


class BrokenPromise(Exception):
    """An answer that no fault explains."""


@contextmanager
def undisturbed(folder: Path) -> Iterator[Undisturbed]:
    """The results of all submissions, where nothing goes wrong."""
    settings = Settings(**_settings(folder))
    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)
    yield Undisturbed(Lab(settings, engine), KINDS)
    engine.dispose()


def _settings(folder: Path) -> dict[str, Any]:
    datasets = settings_of(folder, 1).get("PATCHCLAMP_DATASETS")
    return {"data": folder, "datasets": datasets}


def run(kind_of_database: str, plan: Plan, folder: Path, expected: Undisturbed) -> Report:
    """Plays the plan and looks at every promise."""
    report = Report(kind_of_database, plan.seed)
    began = time.monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(running_cluster()) if kind_of_database == "postgresql" else None
        installation = stack.enter_context(_Installation(plan, folder, server))
        _play(installation, plan, report)
        with _Client(installation, report, "examination") as client:
            _examine(client, installation, report, expected)
    report.seconds = time.monotonic() - began
    return report


class _Installation:
    """The processes, and what is known of the jobs that they have accepted."""

    def __init__(self, plan: Plan, folder: Path, server: Cluster | None) -> None:
        self.server = server
        self.history = History()
        self.plan = plan
        self.urls: list[str] = []
        self.accepted: dict[str, tuple[str, Submission]] = {}  # by Idempotency-Key
        self.cancelled: set[str] = set()
        self.no_more_work = threading.Event()
        self.is_over = threading.Event()
        url = f"sqlite:///{folder / 'jobs.db'}" if server is None else server.url
        self.history.note("database", "up")
        shared = {"PATCHCLAMP_DATABASE_URL": url, "PATCHCLAMP_LEASE_SECONDS": str(plan.lease_seconds)}
        self.apis, self.workers = [], []
        for number in (1, 2):
            port = free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            part = partial(Part, environment={**settings_of(folder, port), **shared}, folder=folder)
            self.apis.append(part(f"api{number}", ["service.cli", "api"], history=self.history))
            command = ["service.cli", "worker", "--id", f"worker-{number}"]
            self.workers.append(part(f"worker{number}", command, history=self.history))

    @property
    def parts(self) -> list[Part]:
        return [*self.apis, *self.workers]

    def __enter__(self) -> "_Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for part in self.parts:
            part.close()

    def states(self, moment: float) -> dict[str, str]:
        """The state of each part, and of the database."""
        return {name: self.history.at(name, moment) for name in ("database", *(part.name for part in self.parts))}


class _Client:
    """Somebody who knows both addresses, tries again after what a fault may cause, and takes nothing else."""

    def __init__(self, installation: _Installation, report: Report, seed: str) -> None:
        self.chance = random.Random(seed)
        self._installation, self._report = installation, report
        self._http = httpx.Client(timeout=10)

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def insist(self, method: str, path: str, expected: tuple[int, ...] = (200,), **options: Any) -> httpx.Response:
        """The answer, once there is one."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            url = self.chance.choice(self._installation.urls)
            try:
                response = self._http.request(method, f"{url}{path}", **options)
            except httpx.TransportError:
                self._report.counts["retries"] += 1
                time.sleep(0.2)
                continue
            if response.status_code in expected:
                return response
            if not _is_honest(response):
                raise BrokenPromise(f"{method} {path} was answered {response.status_code}: {response.text[:300]}")
            self._report.counts["retries"] += 1
            time.sleep(0.5)
        raise BrokenPromise(f"{method} {path} found no answer for {DRAIN_SECONDS:.0f} s")

    def submit(self, submission: Submission, key: str) -> dict[str, Any]:
        """The job of this key."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        options = {"content": submission.body, "headers": headers}
        return self.insist("POST", f"{submission.address}?renderings=none", (202,), **options).json()

    def job(self, job_id: str) -> dict[str, Any]:
        """How the job stands."""
        return self.insist("GET", f"/jobs/{job_id}?renderings=none").json()

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs."""
        jobs, cursor = [], ""
        while True:
            page = self.insist("GET", f"/jobs?limit=200{cursor}").json()
            jobs += page["jobs"]
            if page["next"] is None:
                return jobs
            cursor = f"&cursor={page['next']}"


def _is_honest(response: httpx.Response) -> bool:
    """A refusal that says what it is and when to come again."""
    is_problem = response.headers["Content-Type"] == "application/problem+json"
    return response.status_code in (429, 503) and is_problem and "Retry-After" in response.headers


def _play(installation: _Installation, plan: Plan, report: Report) -> None:
    acts = {
        **{f"student {number}": _study for number in range(3)},
        "leaver": _leave,
        "follower": _follow,
        "watcher": _watch,
        **{f"prober {number}": partial(_probe, url=url) for number, url in enumerate(installation.urls)},
    }
    threads = [threading.Thread(target=_guarded, args=(act, name, installation, report)) for name, act in acts.items()]
    for thread in threads:
        thread.start()
    _disturb(installation, plan, report)
    installation.no_more_work.set()
    deadline = time.monotonic() + DRAIN_SECONDS
    with _Client(installation, report, "the end") as client:
        while any(job["status"] not in TERMINAL for job in client.jobs()) and time.monotonic() < deadline:
            time.sleep(0.5)
    installation.is_over.set()
    for thread in threads:
        thread.join()


def _guarded(act: Callable[..., None], name: str, installation: _Installation, report: Report) -> None:
    try:
        with _Client(installation, report, f"{report.seed} {name}") as client:
            act(name, client, installation, report)
    except BrokenPromise as promise:
        report.broken.append(str(promise))
    except Exception as error:  # a thread's own end would be noticed by nobody
        report.broken.append(f"{name}: {error!r}")


def _disturb(installation: _Installation, plan: Plan, report: Report) -> None:
    chance = random.Random(plan.seed)
    while not all(installation.history.at(part.name, time.monotonic()) == "up" for part in installation.parts):
        time.sleep(0.05)
    for fault in plan.faults(installation.server is not None):
        time.sleep(chance.uniform(0.3, plan.longest_peace_seconds))
        part = chance.choice(installation.parts)
        if fault == "outage":
            _stop_database(installation, plan, report)
        elif fault == "freeze":
            report.counts["freezes"] += 1
            part.freeze(plan.lease_seconds + chance.uniform(0.5, 2))
        else:
            number = signal.SIGKILL if fault == "kill" else signal.SIGTERM
            report.counts[number.name] += 1
            part.end(number, pause=chance.choice([0.0, 0.0, 1.5 * plan.lease_seconds]))


def _stop_database(installation: _Installation, plan: Plan, report: Report) -> None:
    assert installation.server is not None
    report.counts["outages"] += 1
    installation.history.note("database", "down")
    installation.server.stop()
    time.sleep(plan.outage_seconds)
    installation.history.note("database", "starting")
    installation.server.start()
    installation.history.note("database", "up")


def _study(name: str, client: _Client, installation: _Installation, report: Report) -> None:
    """Submits job after job, never more than two at a time, and cancels some."""
    unfinished: list[str] = []
    while not installation.no_more_work.is_set():
        submission = client.chance.choice(SUBMISSIONS)
        key = f"{name} {report.seed} {len(installation.accepted)}-{time.monotonic_ns()}"
        job_id = client.submit(submission, key)["id"]
        installation.accepted[key] = job_id, submission
        unfinished.append(job_id)
        if client.chance.random() < 0.1:
            time.sleep(client.chance.uniform(0, 2))
            if client.insist("POST", f"/jobs/{job_id}/cancel?renderings=none").json()["status"] == "cancelled":
                installation.cancelled.add(job_id)
        while len(unfinished) == 2 and not installation.no_more_work.wait(0.3):
            unfinished = [job_id for job_id in unfinished if client.job(job_id)["status"] not in TERMINAL]


def _leave(_name: str, client: _Client, installation: _Installation, report: Report) -> None:
    """Begins to follow jobs and is gone after a few events."""
    while not installation.no_more_work.wait(0.3):
        if not installation.accepted:
            continue
        job_id, _ = client.chance.choice(list(installation.accepted.values()))
        url = f"{client.chance.choice(installation.urls)}/jobs/{job_id}/events"
        try:
            with httpx.stream("GET", url, timeout=5) as response:
                lines = response.iter_lines()
                for _ in range(client.chance.randrange(1, 9)):
                    next(lines, None)
            report.counts["streams left"] += 1
        except httpx.TransportError:
            continue


def _follow(_name: str, client: _Client, installation: _Installation, report: Report) -> None:
    """Follows jobs to their ends, through every broken connection, and misses no event."""
    while not installation.no_more_work.wait(0.3):
        if not installation.accepted:
            continue
        job_id, _ = client.chance.choice(list(installation.accepted.values()))
        last, name = -1, ""
        while name not in TERMINAL and not installation.is_over.is_set():
            url = f"{client.chance.choice(installation.urls)}/jobs/{job_id}/events"
            try:
                with httpx.stream("GET", url, headers={"Last-Event-ID": str(last)}, timeout=10) as response:
                    for number, name in _events(response):  # noqa: B007  # the last one's name is what is awaited
                        if number != last + 1:
                            raise BrokenPromise(f"job {job_id}: event {number} came after event {last}")
                        last = number
            except httpx.TransportError:
                time.sleep(0.2)


def _events(response: httpx.Response) -> Iterator[tuple[int, str]]:
    """Number and name of each event, when it is complete."""
    if response.status_code != 200:
        response.read()
        if not _is_honest(response):
            raise BrokenPromise(f"events were answered {response.status_code}: {response.text[:300]}")
        return
    told: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            told[name] = value
        elif "id" in told:
            yield int(told["id"]), told["event"]
            told = {}


def _watch(_name: str, client: _Client, installation: _Installation, report: Report) -> None:
    """A job that has ended stays as it ended."""
    ends: dict[str, tuple[str, str]] = {}
    while not installation.is_over.wait(0.5):
        for job in client.jobs():
            end = job["status"], job["finished_at"]
            if ends.get(job["id"], end) != end:
                raise BrokenPromise(f"job {job['id']} ended as {ends[job['id']]}, then as {end}")
            if job["status"] in TERMINAL:
                ends[job["id"]] = end


def _probe(name: str, client: _Client, installation: _Installation, report: Report, url: str) -> None:
    """What /readyz says has to have been true at some time within the lease.

    A worker whose beats come late, as the machine is loaded, may count as gone; but not for longer than that.
    """
    has_server, plan = installation.server is not None, installation.plan
    refused_since = None
    while not installation.is_over.wait(0.25):
        asked = time.monotonic()
        try:
            response = httpx.get(f"{url}/readyz", timeout=30)
        except httpx.TransportError:
            continue
        report.counts["readiness asked"] += 1
        earliest = asked - plan.lease_seconds - plan.late_seconds
        states = [installation.states(moment) for moment in installation.history.moments(earliest, time.monotonic())]
        if response.status_code == 200:
            refused_since = None
            if all(map(_is_helpless, states)):
                raise BrokenPromise(f"{name}: ready, while {states}")
        elif all(_is_sound(state, has_server) for state in states):
            refused_since = refused_since or asked
            if asked - refused_since >= plan.late_seconds:
                raise BrokenPromise(f"{name}: {response.status_code} {response.text}, while {states}")


def _is_helpless(states: dict[str, str]) -> bool:
    workers = {state for name, state in states.items() if name.startswith("worker")}
    return states["database"] == "down" or workers <= {"down", "frozen"}


def _is_sound(states: dict[str, str], has_server: bool) -> bool:
    """A frozen process may hold SQLite's one lock, and then nobody can write."""
    workers = {state for name, state in states.items() if name.startswith("worker")}
    is_free = has_server or "frozen" not in states.values()
    return is_free and states["database"] == "up" and "up" in workers


def _examine(client: _Client, installation: _Installation, report: Report, expected: Undisturbed) -> None:
    """Looks at what has become of every accepted job."""
    jobs = {job["id"]: job for job in client.jobs()}
    report.counts["accepted"] = len(installation.accepted)
    report.counts["attempts"] = sum(job["attempts"] for job in jobs.values())
    report.counts["takeovers"] = sum(part.told().count("goes back to the queue") for part in installation.workers)
    models = {model["id"]: model for model in client.insist("GET", "/models").json()["models"]}
    trained = {model_id for model_id, model in models.items() if model["origin"] == "trained"}
    for key, (job_id, submission) in installation.accepted.items():
        again = client.submit(submission, key)["id"]
        if again != job_id:
            report.broken.append(f"key {key!r} gave job {job_id}, then {again}")
        if job_id not in jobs:
            report.broken.append(f"job {job_id} was accepted and is lost")
            continue
        status = jobs[job_id]["status"]
        report.counts[status] += 1
        if status not in TERMINAL or status == "failed":
            report.broken.append(f"job {job_id} ({submission.kind}) is {status}: {jobs[job_id]['error']}")
        if job_id in installation.cancelled and status != "cancelled":
            report.broken.append(f"job {job_id} was cancelled, yet {status}")
        if status == "succeeded":
            trained -= _check_result(client, report, expected.result(submission, job_id), job_id, submission)
    if trained:
        report.broken.append(f"nobody's models: {sorted(trained)}")
    if len(client.jobs()) != len(installation.accepted):
        report.broken.append(f"{len(client.jobs())} jobs of {len(installation.accepted)} keys")


def _check_result(client: _Client, report: Report, expected: bytes, job_id: str, submission: Submission) -> set[str]:
    """The models that the job has made, each with the weights that its result names."""
    result = client.insist("GET", f"/jobs/{job_id}/result?renderings=none").json()
    if canonical(result) != expected:
        report.broken.append(f"job {job_id} ({submission.kind}) has another result than an undisturbed one")
    if submission.kind not in TRAINING:
        return set()
    model = result["model"]
    weights = client.insist("GET", f"/models/{model['id']}/weights").content
    if hashlib.sha256(weights).hexdigest() != model["sha256"]:
        report.broken.append(f"model {model['id']} has other weights than its job's result names")
    return {model["id"]}


def main() -> int:
    """The long form, on the databases that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("databases", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=45)
    parser.add_argument("--terminations", type=int, default=15)
    parser.add_argument("--freezes", type=int, default=5)
    parser.add_argument("--outages", type=int, default=2)
    given = vars(parser.parse_args())
    databases, plan = given.pop("databases"), Plan(**given)
    print(f"seed {plan.seed}", flush=True)
    torch.set_num_threads(1)  # as the service does
    reports = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        expected = stack.enter_context(undisturbed(folder))
        for name in databases:
            place = folder / name
            place.mkdir()
            reports.append(run(name, plan, place, expected))
            print("\n".join([*reports[-1].broken, Report.head(), reports[-1].row()]), flush=True)
    return int(any(report.broken for report in reports))


if __name__ == "__main__":
    sys.exit(main())
