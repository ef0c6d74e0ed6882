"""What the digit network makes of images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analysis import activity
from models.digit_net import LAYERS, DigitNet, Drives
from service.lab import Lab
from service.operations.analysis import Look, of_one_look
from service.operations.answered import Answered
from service.operations.images import Stimulus, are_brief, batch, stimuli
from service.rendering import cnn as figures
from service.rendering.digits import input_image, input_sheet
from service.schemas.cnn import ActivationsAnswer, ActivationsRequest, PredictAnswer, PredictRequest
from service.schemas.common import ImageInput


def predict(request: PredictRequest, lab: Lab) -> Look:
    """Which digit the network takes each image for."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    seen = stimuli(request.all_images, lab)

    def answered(drives: Drives) -> Answered:
        found = _predictions(drives["y"], seen)
        return Answered(
            {"model": model.reference, "predictions": found},
            lambda: [
                input_sheet([each.pixels for each in seen], [each.caption for each in seen]),
                figures.probabilities(
                    [each["probabilities"] for each in found],
                    [each["label"] for each in found],
                    [each["true_label"] for each in found],
                ),
            ],
        )

    return Look(lab.catalogue.network(model), batch(seen), answered)


def activations(request: ActivationsRequest, lab: Lab) -> Look:
    """The activity of every layer asked for, and what the image is taken for."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    (seen,) = stimuli([request.image], lab)
    names = [name for name in LAYERS if name in (request.layers or LAYERS)]

    def answered(drives: Drives) -> Answered:
        layers = [activity.describe_layer(name, drives[name][0], with_drive=request.drive) for name in names]
        (prediction,) = _predictions(drives["y"], [seen])
        return Answered(
            {"model": model.reference, "prediction": prediction, "input": seen.pixels, "layers": layers},
            lambda: [
                input_image(seen.pixels, seen.caption),
                *(
                    figures.layer_activity(layer["name"], layer["kind"], layer["values"], _title(layer), _unit(layer))
                    for layer in layers
                ),
            ],
        )

    return Look(lab.catalogue.network(model), batch([seen]), answered)


def _predictions(logits: NDArray[np.float32], seen: list[Stimulus]) -> list[dict[str, Any]]:
    found = activity.predictions(logits)
    return [{**each, "true_label": stimulus.true_label} for each, stimulus in zip(found, seen, strict=True)]


def _title(layer: Mapping[str, Any]) -> str:
    if layer["name"] == "y":
        return "y · output · the logit of each class"
    if layer["kind"] == "conv":
        channels, rows, columns = layer["shape"]
        return f"{layer['name']} · {channels} channels of {rows}×{columns} · activity after the ReLU"
    return f"{layer['name']} · {layer['shape'][0]} units · activity after the ReLU"


def _unit(layer: Mapping[str, Any]) -> str:
    return "logit (a.u.)" if layer["name"] == "y" else "activity (a.u.)"


def _is_brief(images: Sequence[ImageInput], model: str | None, lab: Lab) -> bool:
    return lab.catalogue.has_at_hand(DigitNet.FAMILY, model) and are_brief(images, lab)


PREDICT = of_one_look(
    "/cnn/predict",
    PredictRequest,
    PredictAnswer,
    predict,
    lambda request, lab: _is_brief(request.all_images, request.model, lab),
)
ACTIVATIONS = of_one_look(
    "/cnn/activations",
    ActivationsRequest,
    ActivationsAnswer,
    activations,
    lambda request, lab: _is_brief([request.image], request.model, lab),
)
