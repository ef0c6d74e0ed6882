"""Numbers to pictures: every figure of the lab as a PNG, with its words for those who cannot see it.

Needs numpy and Pillow alone. A figure takes plain numbers and gives a `Rendering`, which draws only when it is asked.
"""

from service.rendering.cnn import layer_activity, probabilities
from service.rendering.digits import input_image, input_sheet, preview
from service.rendering.horizon import horizon
from service.rendering.lstm import gates, trial
from service.rendering.memory import aligned, scatter
from service.rendering.rendering import Rendering
from service.rendering.responses import responses
from service.rendering.training import accuracy_curve, confusion, loss_curve, networks
from service.rendering.tuning import starts, stimulus, tuning_trace

__all__ = [
    "Rendering",
    "accuracy_curve",
    "aligned",
    "confusion",
    "gates",
    "horizon",
    "input_image",
    "input_sheet",
    "layer_activity",
    "loss_curve",
    "networks",
    "preview",
    "probabilities",
    "responses",
    "scatter",
    "starts",
    "stimulus",
    "trial",
    "tuning_trace",
]
