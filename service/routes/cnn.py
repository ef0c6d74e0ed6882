"""The digit network: predict, record, tune, train."""

from typing import Annotated

from fastapi import APIRouter, Response

from service.answers import Replies
from service.bodies import image_body, json_body
from service.openapi import accepts
from service.operations import cnn
from service.operations.cnn_training import TRAIN
from service.operations.tuning import TUNE
from service.routes.access import LabOfProcess, pictured
from service.routes.jobs import Submission, job_responses
from service.schemas.cnn import (
    ActivationsAnswer,
    ActivationsRequest,
    PredictAnswer,
    PredictRequest,
    TrainRequest,
    TuneRequest,
)

router = APIRouter(prefix="/cnn", tags=["digit network"])

_DIGIT = {"sample": {"split": "test", "index": 0}}


@router.post(
    "/predict",
    responses=pictured(PredictAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(PredictRequest, {"image": _DIGIT}, pictures=True),
)
def predict(
    reply: Replies, lab: LabOfProcess, request: Annotated[PredictRequest, image_body(PredictRequest)]
) -> Response:
    """Tell which digit the network takes one or more images for."""
    answered = cnn.predict(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/activations",
    responses=pictured(ActivationsAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(ActivationsRequest, {"image": _DIGIT, "layers": ["l1", "y"]}, pictures=True),
)
def activations(
    reply: Replies, lab: LabOfProcess, request: Annotated[ActivationsRequest, image_body(ActivationsRequest)]
) -> Response:
    """Record the activity of every layer, or of those asked for, while the network sees an image."""
    answered = cnn.activations(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/tune",
    status_code=202,
    responses=job_responses(400, 404, 413, 415),
    openapi_extra=accepts(TuneRequest, {"layer": "y", "unit": 3, "seed": 1}),
)
async def tune(submission: Submission, request: Annotated[TuneRequest, json_body(TuneRequest)]) -> Response:
    """Seek the stimulus that a unit prefers, as a job."""
    return await submission.of(TUNE, request)


@router.post(
    "/train",
    status_code=202,
    responses=job_responses(400, 413, 415, 503),
    openapi_extra=accepts(TrainRequest, {"seed": 1, "name": "my first network"}),
)
async def train(submission: Submission, request: Annotated[TrainRequest, json_body(TrainRequest)]) -> Response:
    """Train the lab's network on MNIST until it reads the held-out digits well enough, as a job."""
    return await submission.of(TRAIN, request)
