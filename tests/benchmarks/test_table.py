"""The table says what is broken and what has become slower, by ratios alone."""

from pathlib import Path

import pytest

from benchmarks.table import Figure, Line, Ratio, Table


def filled(recorded: Path, *lines: Line) -> Table:
    table = Table(recorded)
    table.fill(lines)
    return table


def test_what_is_not_as_promised_is_told(tmp_path: Path) -> None:
    kept = [
        Ratio("tuning", "the notebook", 1, 10, promise=10),
        Ratio("an answer", "another service", 4, 2, floor_seconds=1, promised_share=0.25),
        Figure("apart", 0.5, "%", at_most=0.5),
        Figure("digits a second", 10, "", at_least=10),
    ]
    assert list(filled(tmp_path / "none", *kept).broken()) == []
    broken = [
        Ratio("tuning", "the notebook", 1, 9.9, promise=10),
        Ratio("an answer", "another service", 5, 2, floor_seconds=1, promised_share=0.25),
        Figure("apart", 0.6, "%", at_most=0.5),
        Figure("digits a second", 9, "", at_least=10),
    ]
    assert len(list(filled(tmp_path / "none", *broken).broken())) == len(broken)


def test_a_ratio_that_fell_is_told_whatever_the_times_are(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    filled(recorded, Ratio("tuning", "the notebook", 1, 10), Ratio("training", "the notebook", 1, 3)).record()
    slow_machine = filled(recorded, Ratio("tuning", "the notebook", 5, 50), Ratio("new", "the notebook", 1, 1))
    assert list(slow_machine.regressions(0.7)) == []
    fallen = filled(recorded, Ratio("tuning", "the notebook", 1, 6.9))
    assert list(fallen.regressions(0.7)) == ["tuning, against the notebook: 6.9 times as fast, 10 when it was recorded"]
    fallen.record()
    assert list(fallen.regressions(0.7)) == []
    assert list(filled(recorded, Ratio("training", "the notebook", 1, 1)).regressions(0.7)) != []


def test_the_table_is_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(
        tmp_path / "none",
        Ratio("an answer", "another service", 0.004, 2, promise=3, floor_seconds=0.001, promised_share=0.2),
        Figure("apart", 0.52, "%", at_most=0.6),
    )
    heading, rule, *rows = capsys.readouterr().out.splitlines()
    assert len({line.count("|") for line in (heading, rule, *rows)}) == 1
    assert rows == [
        "| an answer | 4 ms | another service | 2 s | 500 | 3, 20% of the floor | 1 ms | 25% |",
        "| apart | 0.52 % |  |  |  | at most 0.6 |  |  |",
    ]
