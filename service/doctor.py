"""Whether the service can serve here: one finding for each thing it needs, with what to do. Nothing is changed."""

import errno
import json
import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from models import kernels
from models.checkpoints import load_weights, weights_sha256
from models.digits import Digits, torchvision_mnist
from models.errors import CorruptCheckpoint, DatasetUnavailable
from service import database
from service.admission import has_keys
from service.catalogue import BUILDERS
from service.jobs.lease import living_workers
from service.settings import PREFIX, InvalidSettings, Settings

NETWORK_SECONDS = 5
DRAWING_PER_MINUTE = 3600
LITTLE_DISK_BYTES, NO_DISK_BYTES = 2**30, 100 * 2**20


class Verdict(StrEnum):
    """How grave a finding is: the service serves despite a warning, and not as it should with a problem."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What was found of one thing, and what to do about it (empty where there is nothing to do)."""

    check: str
    verdict: Verdict
    finding: str
    remedy: str = ""

    def line(self) -> str:
        """The finding for people, on one line."""
        return " ".join(f"{self.verdict:<8} {self.check:<12} {self.finding} {self.remedy}".splitlines()).rstrip()


def examine(settings: Settings) -> Iterator[Finding]:
    """Finding after finding, as each is made."""
    is_serving = _is_serving(settings)
    yield _settings(settings)
    yield _data_folder(settings.data)
    yield _disk(settings.data)
    yield _database(settings)
    yield _keys(settings)
    yield _limits(settings)
    yield _models(settings.artifacts)
    yield _digits(settings)
    yield _kernels()
    yield _port(settings, is_serving)
    yield _worker(settings, is_serving)


def refused(error: InvalidSettings) -> Finding:
    """The one finding where the settings cannot be; without settings there is nothing else to examine."""
    return Finding("settings", Verdict.PROBLEM, str(error), "Mend the environment variables and ask again.")


def report(findings: Iterator[Finding], as_json: bool) -> int:
    """Prints the findings; the exit status is 1 where one is a problem."""
    made = []
    for finding in findings:
        made.append(finding)
        if not as_json:
            print(finding.line(), flush=True)
    has_problem = any(finding.verdict is Verdict.PROBLEM for finding in made)
    if as_json:
        print(json.dumps({"can_serve": not has_problem, "findings": [asdict(finding) for finding in made]}, indent=2))
    return int(has_problem)


def _settings(settings: Settings) -> Finding:
    given = ", ".join(sorted(f"{PREFIX}{name}".upper() for name in settings.model_fields_set)) or "none"
    return Finding("settings", Verdict.OK, f"Given: {given}; the rest are defaults.")


def _data_folder(folder: Path) -> Finding:
    place = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"patchclamp")
    except OSError as error:
        return Finding(
            "data folder",
            Verdict.PROBLEM,
            f"{place} cannot be written: {error.strerror}.",
            f"Give it to the user that runs the service, or name another folder in {PREFIX}DATA.",
        )
    state = "can be written" if place == folder else "will be made by the first start"
    return Finding("data folder", Verdict.OK, f"{folder} {state}.")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    told = f"{free / 2**30:.1f} GiB are free where {folder} lies."
    if free >= LITTLE_DISK_BYTES:
        return Finding("disk", Verdict.OK, told)
    verdict = Verdict.PROBLEM if free < NO_DISK_BYTES else Verdict.WARNING
    return Finding("disk", verdict, told, "Make room, or delete finished jobs and models that nobody needs.")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that there is."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _database(settings: Settings) -> Finding:
    if not _is_sqlite(settings):
        return _postgresql(settings)
    file = sa.make_url(settings.database_url).database
    if not file:
        remedy = f"Name one in {PREFIX}DATABASE_URL: sqlite:///FILE."
        return Finding("database", Verdict.PROBLEM, "A SQLite database has to be a file.", remedy)
    if not Path(file).exists():
        return Finding("database", Verdict.OK, f"{file} is not there yet; the first start makes it.")
    return _sqlite(settings, Path(file))


def _sqlite(settings: Settings, file: Path) -> Finding:
    engine = _reader(settings)
    try:
        with engine.connect() as connection:
            complaints = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
        if complaints != ["ok"]:
            return _damaged(file, "; ".join(complaints))
        age = _schema_finding(engine, str(file))
    except OperationalError as error:
        remedy = "See that the user that runs the service may read and write it."
        return Finding("database", Verdict.PROBLEM, f"{file} cannot be opened: {error.orig}.", remedy)
    except DBAPIError as error:
        return _damaged(file, str(error.orig))
    if age.verdict is Verdict.OK and not _has_write_ahead_log(file):
        told = f"{file} is intact, but readers and writers wait for each other: it keeps no write-ahead log."
        return Finding("database", Verdict.WARNING, told, "The next start turns it on.")
    return age


def _damaged(file: Path, complaint: str) -> Finding:
    return Finding(
        "database",
        Verdict.PROBLEM,
        f"{file} is damaged: {complaint}.",
        "Stop the service, move the file and its -wal and -shm away, and bring a backup back: patchclamp restore FILE.",
    )


def _has_write_ahead_log(file: Path) -> bool:
    """As the file's header says; a connection that may not write would tell its own mode instead."""
    with file.open("rb") as opened:
        return opened.read(19)[18:] == b"\x02"


def _postgresql(settings: Settings) -> Finding:
    where = sa.make_url(settings.database_url).render_as_string(hide_password=True)
    try:
        engine = _reader(settings)
        return _schema_finding(engine, where)
    except SQLAlchemyError as error:
        complaint = str(getattr(error, "orig", error)).splitlines()[0]
        remedy = f"See that PostgreSQL runs and that {PREFIX}DATABASE_URL names its address, user and password."
        return Finding("database", Verdict.PROBLEM, f"{where} cannot be reached: {complaint}.", remedy)


def _schema_finding(engine: sa.Engine, where: str) -> Finding:
    """Whether the tables are those of this version."""
    try:
        database.refuse_newer(engine)
    except database.NewerDatabase:
        remedy = "Install the newer version again, or restore a backup of before."
        return Finding("database", Verdict.PROBLEM, f"{where} was written by a newer version.", remedy)
    version, latest = database.dbos_versions(engine)
    missing = _missing(engine)
    if not missing and version == latest:
        return Finding("database", Verdict.OK, f"{where} is readable and up to date.")
    if version == 0 and len(missing) == len(database.metadata.tables):
        return Finding("database", Verdict.OK, f"{where} is empty; the first start makes its tables.")
    what = f"lacks {', '.join(missing)}" if missing else "is of an earlier version"
    remedy = "Make a backup; the next start brings it up to date."
    return Finding("database", Verdict.WARNING, f"{where} {what}.", remedy)


def _missing(engine: sa.Engine) -> list[str]:
    """Our tables, or columns of them, that are not there."""
    there = sa.inspect(engine)
    tables = set(there.get_table_names())
    missing = []
    for table in database.metadata.tables.values():
        if table.name not in tables:
            missing.append(table.name)
            continue
        columns = {column["name"] for column in there.get_columns(table.name)}
        missing += [f"{table.name}.{column.name}" for column in table.columns if column.name not in columns]
    return missing


def _keys(settings: Settings) -> Finding:
    if settings.portal_jwks:
        return Finding(
            "keys", Verdict.OK, f"Tokens of {settings.portal_issuer} are taken, and keys that were made here."
        )
    try:
        if has_keys(settings):
            return Finding("keys", Verdict.OK, "Every request needs a key; patchclamp keys list tells all.")
    except SQLAlchemyError:
        return Finding("keys", Verdict.WARNING, "They cannot be seen without a database.", "See what is said of it.")
    if settings.is_local:
        return Finding("keys", Verdict.OK, "Nobody needs one; only this machine reaches the service.")
    told = f"Nobody needs one: anyone who reaches {settings.host} may use the service."
    return Finding("keys", Verdict.WARNING, told, "Make a first one: patchclamp keys make NAME --role admin.")


def _limits(settings: Settings) -> Finding:
    """The limits in force, and whether they fit each other and the machine."""
    told = (
        f"Of one student {_so_many(settings.jobs_per_student)} unfinished jobs, "
        f"{_so_many(settings.running_jobs_per_student)} of them running at once, "
        f"{_so_many(settings.models_per_student)} models and "
        f"{_so_many(settings.requests_per_minute)} requests a minute; "
        f"{_so_many(settings.queued_jobs)} jobs in the queue; of finished ones {_so_many(settings.keep_per_student)} "
        f"of each student, for {_so_many(settings.keep_days)} days."
    )
    misfits = list(_misfits(settings))
    if not misfits:
        return Finding("limits", Verdict.OK, told)
    complaints, remedies = zip(*misfits, strict=True)
    return Finding("limits", Verdict.WARNING, f"{told} {' '.join(complaints)}", " ".join(remedies))


def _misfits(settings: Settings) -> Iterator[tuple[str, str]]:
    """Limits that defeat each other, each with what to do."""
    jobs, running = settings.jobs_per_student, settings.running_jobs_per_student
    if settings.queued_jobs and not 0 < jobs < settings.queued_jobs:
        yield "One student may fill the queue.", f"Let {PREFIX}JOBS_PER_STUDENT be less than {PREFIX}QUEUED_JOBS."
    if 0 < jobs < running:
        yield (
            "Nobody ever has so many jobs running.",
            f"Let {PREFIX}RUNNING_JOBS_PER_STUDENT be at most {PREFIX}JOBS_PER_STUDENT.",
        )
    if settings.keep_per_student and not 0 < jobs <= settings.keep_per_student:
        yield (
            "A job may be forgotten while those sent with it still run.",
            f"Let {PREFIX}KEEP_PER_STUDENT be at least {PREFIX}JOBS_PER_STUDENT.",
        )
    if 0 < settings.requests_per_minute < DRAWING_PER_MINUTE:
        yield (
            "Whoever draws on the lab page is refused within seconds.",
            f"Let {PREFIX}REQUESTS_PER_MINUTE be at least {DRAWING_PER_MINUTE}.",
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if settings.workers * settings.worker_memory_mb * 2**20 > memory:
        yield (
            f"The workers may take more memory than the {memory / 2**30:.1f} GiB of this machine.",
            f"Make {PREFIX}WORKER_MEMORY_MB or {PREFIX}WORKERS smaller.",
        )


def _so_many(limit: int) -> str:
    return str(limit) if limit else "any number of"


def _models(artifacts: Path) -> Finding:
    cards = sorted(artifacts.glob("*/card.json"))
    complaints = [f"{card.parent.name} {complaint}" for card in cards if (complaint := _complaint(card))]
    complaints += [f"{family} is not there" for family in BUILDERS if not (artifacts / family / "card.json").exists()]
    if complaints:
        remedy = f"Restore the folder {artifacts} from the release, or name another in {PREFIX}ARTIFACTS."
        return Finding("models", Verdict.PROBLEM, f"{'; '.join(complaints)}.", remedy)
    return Finding("models", Verdict.OK, f"{len(cards)} shipped models load, with the weights that their cards name.")


def _complaint(path: Path) -> str | None:
    """What is wrong with a shipped model."""
    try:
        card = json.loads(path.read_text("utf-8"))
        weights = (path.parent / "model.safetensors").read_bytes()
        if weights_sha256(weights) != card["sha256"]:
            return "has other weights than its card names"
        load_weights(BUILDERS[card["family"]](card["architecture"]), weights)
    except (OSError, ValueError, KeyError, TypeError, CorruptCheckpoint):
        return "cannot be loaded"
    return None


def _digits(settings: Settings) -> Finding:
    root = settings.datasets or settings.data / "datasets"
    if settings.datasets is None and not root.exists():
        return _digits_to_come(root)
    try:
        Digits.open(datasets=root, data=None)
    except DatasetUnavailable:
        remedy = f"Let {PREFIX}DATASETS name a torchvision root that holds MNIST."
        if settings.datasets is None:
            remedy = f"Delete {root}; it is downloaded anew when the first digit is asked for."
        return Finding("digits", Verdict.PROBLEM, f"{root} holds no intact MNIST.", remedy)
    return Finding("digits", Verdict.OK, f"MNIST lies in {root}.")


def _digits_to_come(root: Path) -> Finding:
    if _is_mirror_reachable():
        told = f"MNIST is not here yet; it is downloaded into {root} when the first digit is asked for."
        return Finding("digits", Verdict.OK, told)
    return Finding(
        "digits",
        Verdict.WARNING,
        "MNIST is not here and cannot be downloaded; what needs no data set works.",
        f"Let {PREFIX}DATASETS name a torchvision root that holds it, or let this machine reach the network once.",
    )


def _is_mirror_reachable() -> bool:
    mnist = torchvision_mnist()
    first_file, _ = mnist.resources[0]
    for mirror in mnist.mirrors:
        try:
            # The address is torchvision's, http or https.
            with urlopen(Request(f"{mirror}{first_file}", method="HEAD"), timeout=NETWORK_SECONDS):  # nosec B310
                return True
        except (OSError, HTTPException):
            continue
    return False


def _kernels() -> Finding:
    began = time.perf_counter()
    try:
        kernels.warm()
    except Exception as error:  # numba and its compiler raise whatever they like
        told = f"They cannot be compiled or kept: {type(error).__name__}: {error}."
        return Finding("kernels", Verdict.PROBLEM, told, "Let NUMBA_CACHE_DIR name a folder that can be written.")
    return Finding("kernels", Verdict.OK, f"They were ready after {time.perf_counter() - began:.1f} s.")


def _port(settings: Settings, is_serving: bool) -> Finding:
    where = f"{settings.host}:{settings.port}"
    if is_serving:
        return Finding("port", Verdict.OK, f"The service answers on {where}.")
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        why = "Another program has it" if error.errno == errno.EADDRINUSE else error.strerror
        remedy = f"Choose another in {PREFIX}HOST and {PREFIX}PORT."
        return Finding("port", Verdict.PROBLEM, f"{where} cannot be had: {why}.", remedy)
    return Finding("port", Verdict.OK, f"{where} is free.")


def _is_serving(settings: Settings) -> bool:
    connection = HTTPConnection(settings.host, settings.port, timeout=NETWORK_SECONDS)
    try:
        connection.request("GET", "/livez")
        return json.loads(connection.getresponse().read(1000)) == {"status": "alive"}
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _worker(settings: Settings, is_serving: bool) -> Finding:
    """A service without a worker accepts jobs that nobody does; where no service runs there is no worker to miss."""
    try:
        workers = living_workers(_reader(settings), settings.lease_seconds)
    except SQLAlchemyError:
        remedy = "See what is said of the database; patchclamp serve starts API and workers."
        return Finding("worker", Verdict.WARNING, "None can be seen without a database.", remedy)
    last = f"in the last {settings.lease_seconds:g} s"
    if workers:
        return Finding("worker", Verdict.OK, f"{len(workers)} at work {last}.")
    if is_serving:
        remedy = "Start one beside the API: patchclamp worker."
        return Finding("worker", Verdict.PROBLEM, f"None was seen {last}; jobs wait for one.", remedy)
    return Finding("worker", Verdict.WARNING, f"None was seen {last}.", "patchclamp serve starts API and workers.")


def _is_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite")


def _reader(settings: Settings) -> sa.Engine:
    """An engine that cannot write; a SQLite file that nobody has open is read without making its companions."""
    url = sa.make_url(settings.database_url)
    if _is_sqlite(settings):
        file = Path(url.database or "").absolute()
        is_open = file.with_name(f"{file.name}-wal").exists()
        address = f"{file.as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
        return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=sa.NullPool)
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": NETWORK_SECONDS, "options": "-c default_transaction_read_only=on"},
        poolclass=sa.NullPool,
    )
