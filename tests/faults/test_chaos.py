"""The short form of `make chaos`: one plan for each database, and every promise kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.digits import Digits
from tests.faults.chaos import Plan, run, undisturbed
from tests.faults.undisturbed import Undisturbed

PLAN = Plan(seed=1, kills=5, terminations=2, freezes=1, outages=1, longest_peace_seconds=2.0)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, digits: Digits) -> Iterator[Undisturbed]:
    with undisturbed(tmp_path_factory.mktemp("undisturbed")) as results:
        yield results


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_through_kills_freezes_and_outages_every_promise_is_kept(
    database: str, tmp_path: Path, expected: Undisturbed
) -> None:
    report = run(database, PLAN, tmp_path, expected)
    assert report.broken == []
    assert report.counts["SIGKILL"] == PLAN.kills
    assert report.counts["accepted"] == sum(report.counts[end] for end in ("succeeded", "cancelled"))
