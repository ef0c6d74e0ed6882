"""Training against the notebook's loops, the same number of steps of the same recipe."""

from pathlib import Path

from benchmarks import notebook
from benchmarks.timing import Ratio, compare
from models.digits import Digits
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run


def digit_net(datasets: Path, digits: Digits) -> Ratio:
    """300 steps of the lab's CNN, our looks at 5,000 held-out digits included."""
    settings = DigitNetTrainingSettings(target_accuracy=None, max_steps=300, seed=1)
    return compare(
        "CNN, 300 training steps",
        lambda: run(DigitNetTraining(settings, digits)),
        "notebook loop",
        lambda: notebook.train_cnn(datasets, 300),
    )


def memory_lstm() -> Ratio:
    """500 steps of the one-unit LSTM, our measurement of horizon and family included."""
    settings = MemoryTrainingSettings(seed=1, max_steps=500)
    return compare(
        "LSTM, one unit, 500 training steps",
        lambda: run(MemoryTraining(settings)),
        "notebook loop",
        lambda: notebook.train_lstm(500),
    )
