"""Training the digit network against the notebook's loop, the same recipe."""

from pathlib import Path

from benchmarks import notebook
from benchmarks.table import Ratio
from benchmarks.timing import compare, seconds
from models.digits import Digits
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.work import run


def digit_net(datasets: Path, digits: Digits, seeds: int) -> list[Ratio]:
    """The lab's CNN: the same number of steps, and from nothing to 95% by either's own rule."""
    settings = DigitNetTrainingSettings(target_accuracy=None, max_steps=300, seed=1)
    same_steps = compare(
        "CNN, 300 training steps, our looks at held-out digits included",
        lambda: run(DigitNetTraining(settings, digits)),
        "notebook loop",
        lambda: notebook.train_cnn(datasets, 300),
    )
    return [same_steps, _to_target(datasets, digits, seeds)]


def _to_target(datasets: Path, digits: Digits, seeds: int) -> Ratio:
    """All seeds summed: ours ends at 95% of the held-out digits, the notebook's at 95% of the latest it learned."""
    ours = peer = 0.0
    for seed in range(1, seeds + 1):
        settings = DigitNetTrainingSettings(seed=seed)
        ours += seconds(lambda settings=settings: run(DigitNetTraining(settings, digits)))
        peer += seconds(lambda seed=seed: notebook.train_cnn(datasets, 3000, target=0.95, seed=seed))
    return Ratio("CNN, from nothing to 95%, all seeds", "notebook loop", ours, peer, promise=3)
