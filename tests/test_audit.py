"""What the audit of the packages says, and when it fails."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.service_process import ROOT

SOUND = {"name": "a", "version": "1", "vulns": []}
HOLED = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
UNHEARD = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([SOUND], 0, "1 packages audited, 0 advisories"),
        ([SOUND, HOLED], 1, "b 2: PYSEC-1"),
        ([SOUND, UNHEARD], 1, "c: not found"),
        ([UNHEARD, UNHEARD], 0, "NOT AUDITED"),
        (None, 0, "NOT AUDITED"),
    ],
)
def test_an_advisory_fails_and_so_does_a_package_nobody_heard_of_but_not_a_machine_without_the_network(
    packages: list[dict[str, Any]] | None, status: int, words: str
) -> None:
    report = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit.py"], input=report, capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert words in done.stdout
