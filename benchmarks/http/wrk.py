"""The load generator: wrk, on a core of its own where there are two."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SCRIPT = """
local file = io.open(os.getenv("BODY"), "rb")
wrk.method, wrk.body = "POST", file:read("*a")
for name, value in os.getenv("HEADERS"):gmatch("([^\\n]-): ([^\\n]*)") do wrk.headers[name] = value end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
"""
INSTALLED = shutil.which("wrk") is not None


@dataclass(frozen=True)
class Request:
    """One request, sent again and again by POST."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What came of it: seconds from one answer to the next, and how long half and nearly all of them took."""

    seconds: float
    p50_ms: float
    p99_ms: float


def drive(port: int, request: Request, connections: int, seconds: float, cores: Sequence[int] = (1,)) -> Load:
    """Sends the request over so many connections for so long, from these cores.

    Raises:
        RuntimeError: An answer was no success.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, body = Path(folder, "script.lua"), Path(folder, "body")
        script.write_text(_SCRIPT, "ascii")
        body.write_bytes(request.body)
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        url = f"http://127.0.0.1:{port}{request.path}"
        told = subprocess.run(
            [*pinned(cores), "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(script), url],
            env={"BODY": str(body), "HEADERS": headers},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found = json.loads(told.splitlines()[-1])
    if found["failed"]:
        raise RuntimeError(f"{found['failed']} of {found['requests']} requests to {request.path} failed:\n{told}")
    return Load(found["microseconds"] / found["requests"] / 1e6, found["p50"] / 1000, found["p99"] / 1000)


def pinned(cores: Sequence[int]) -> list[str]:
    """What to put before a command to keep it on these cores."""
    return ["taskset", "-c", ",".join(map(str, cores))] if shutil.which("taskset") else []
