"""What the service does, once each; routes and workers only call it."""

from typing import Any

from service.jobs.kinds import Kind
from service.operations import cnn_training, lstm_training, tuning

KINDS: dict[str, Kind[Any, Any]] = {kind.name: kind for kind in (tuning.TUNE, cnn_training.TRAIN, lstm_training.TRAIN)}
