"""Log lines that name the request or the job they belong to, to be read by people or, as JSON, by machines."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

LogFormat = Literal["text", "json"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id_of_this_thread: ContextVar[str | None] = ContextVar("job_id", default=None)

log = logging.getLogger(__name__)

# What a line may tell beside its message; handed over as `extra`.
_FACTS = ("method", "route", "status", "milliseconds", "problem")
_LINE_SEPARATORS = "\u2028\u2029"
_ESCAPED = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *map(ord, _LINE_SEPARATORS))
    if chr(code) not in "\n\t"
}


def configure(level: str, log_format: LogFormat) -> None:
    """Sends log lines to standard error; DBOS's own reports of jobs that were cancelled or failed are ours to tell."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(log_format))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # Asked for with each line otherwise, and told by none (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # pyright: ignore[reportAttributeAccessIssue]
    sys.excepthook = _log_last_words
    for chatty in ("alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    dbos = logging.getLogger("dbos")
    dbos.handlers = [handler]
    dbos.propagate = False
    dbos.setLevel(logging.WARNING)
    dbos.addFilter(_is_not_a_job_s_end)


def formatter(log_format: LogFormat) -> logging.Formatter:
    """What turns records into text; whatever a record holds, it cannot look like a second one."""
    if log_format == "json":
        return _Json()
    return _Text("%(asctime)s %(levelname)s %(name)s%(subject)s %(message)s")


class _Text(logging.Formatter):
    """One record a line; further lines, such as a trace, are indented."""

    def format(self, record: logging.LogRecord) -> str:
        record.subject = "".join(f" {name.removesuffix('_id')}={value}" for name, value in _subjects(record).items())
        text = super().format(record)
        return text if text.isprintable() else text.translate(_ESCAPED).replace("\n", "\n    ")


class _Json(logging.Formatter):
    """One record a line, as a JSON object in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_subjects(record),
            **{name: value for name in _FACTS if (value := getattr(record, name, None)) is not None},
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def _subjects(record: logging.LogRecord) -> dict[str, str]:
    """The request and the job that the record is about, where there are any."""
    job_id = getattr(record, "job_id", None) or job_id_of_this_thread.get()
    return {name: each for name, each in (("request_id", request_id.get()), ("job_id", job_id)) if each}


def _log_last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("the process ends by an unexpected fault", exc_info=(kind, error, trace))


def _is_not_a_job_s_end(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Exception encountered in background workflow")
