"""The service is there quickly, and small."""

from benchmarks.start import start


def test_it_is_ready_within_three_times_the_import_of_torch_and_stays_below_450_mb() -> None:
    ratio, megabytes = start()
    assert ratio.seconds <= 3 * ratio.peer_seconds
    assert megabytes < 450
