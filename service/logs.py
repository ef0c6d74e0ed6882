"""Log lines that name the request or the job they belong to."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id_of_this_thread: ContextVar[str | None] = ContextVar("job_id", default=None)


def configure(level: str) -> None:
    """Sends log lines to standard error; DBOS's own reports of jobs that were cancelled or failed are ours to tell."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Format("%(asctime)s %(levelname)s %(name)s%(subject)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    dbos = logging.getLogger("dbos")
    dbos.handlers = [handler]
    dbos.propagate = False
    dbos.setLevel(logging.WARNING)
    dbos.addFilter(_is_not_a_job_s_end)


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        subjects = {"request": request_id.get(), "job": job_id_of_this_thread.get()}
        record.subject = "".join(f" {name}={value}" for name, value in subjects.items() if value)
        return super().format(record)


def _is_not_a_job_s_end(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Exception encountered in background workflow")
