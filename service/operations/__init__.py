"""What the service does, once each; routes and workers only call it."""

from typing import Any

from service.jobs.kinds import Kind
from service.operations import class_matrix, cnn_training, comparison, lstm_training, memory_comparison, quiz, tuning

KINDS: dict[str, Kind[Any, Any]] = {
    kind.name: kind
    for kind in (
        tuning.TUNE,
        class_matrix.CLASS_MATRIX,
        quiz.QUIZ,
        comparison.COMPARE,
        cnn_training.TRAIN,
        lstm_training.TRAIN,
        memory_comparison.COMPARE,
    )
}
