"""The job that tunes an image for each class and asks which classes are alike."""

from collections.abc import Mapping
from typing import Any

from models.analysis.class_matrix import class_matrix
from models.analysis.tuning import Tuning
from models.digit_net import DigitNet
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.operations.tuning import begin, preview
from service.rendering import class_matrix as figures
from service.rendering.rendering import Rendering
from service.schemas.tuning import ClassMatrixRequest, ClassMatrixResult, TuneRequest


def _settle(request: ClassMatrixRequest, lab: Lab) -> ClassMatrixRequest:
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    return request.model_copy(update={"model": model.id, "seed": seed_or_new(request.seed)})


def _begin(request: ClassMatrixRequest, lab: Lab) -> Tuning:
    return begin(TuneRequest(layer="y", units="all", **request.model_dump()), lab)


def _finish(request: ClassMatrixRequest, work: Tuning, lab: Lab, _job_id: str) -> Outcome:
    model = lab.catalogue.get(str(request.model))
    return Outcome({"model": model.reference, "seed": request.seed, **class_matrix(work, lab.digits_if_any())})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    return [figures.matrix(result["matrix"], result["images"]), figures.alike(result["alike"], result["agreement"])]


CLASS_MATRIX = Kind(
    "cnn.class-matrix",
    ClassMatrixRequest,
    ClassMatrixResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    preview,
    size=lambda request: request.starts * request.steps,
)
