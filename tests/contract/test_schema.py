"""schemathesis over the whole OpenAPI document of a running service: each operation alone, then one after the other."""

import os
import subprocess
import sys
from pathlib import Path

from models.digits import Digits
from tests.service_process import ROOT, serving

CONFIGURATION = ROOT / "tests" / "contract" / "schemathesis.toml"
ASKED = int(os.environ.get("FUZZ_EXAMPLES", "0"))
DRAWN = [f"--max-examples={max(1, ASKED // 20)}"] if ASKED else ["--max-examples=2", "--generation-deterministic"]
PHASES = "examples,coverage,fuzzing,stateful" if ASKED else "examples,fuzzing,stateful"
"""`make fuzz` draws much more, anew each time, and covers each schema value by value."""


def test_every_operation_does_what_the_document_says_alone_and_after_others(digits: Digits, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIGURATION), "run"]
    key = made_key(tmp_path)
    with serving(tmp_path, environment={"PATCHCLAMP_QUEUED_JOBS": "0"}) as service:
        done = subprocess.run(
            [
                *command,
                f"{service.url}/openapi.json",
                f"--header=Authorization: Bearer {key}",
                "--no-color",
                f"--phases={PHASES}",
                *DRAWN,
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Stateful (disabled)" not in done.stdout
        log = service.log.read_text()
    assert "Traceback" not in log
    assert "started again" not in log


def made_key(data: Path) -> str:
    """An admin's key; from now on nobody comes in without one."""
    command = [sys.executable, "-m", "service.cli", "keys", "make", "tester", "--role", "admin"]
    environment = {**os.environ, "PATCHCLAMP_DATA": str(data)}
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return made.stdout.split()[-1]
