"""A census of all layers."""

from benchmarks.table import Figure
from benchmarks.timing import seconds
from models.analysis.census import census as take
from models.digit_net import DigitNet
from models.digits import Digits

COUNT = 2000


def census(network: DigitNet, digits: Digits) -> Figure:
    """The best of three."""
    taken = min(seconds(lambda: take(network, digits.sample(COUNT, seed=1))) for _ in range(3))
    return Figure(f"census of all layers over {COUNT:,} digits", taken, "s", at_most=1)
