"""The digit network: predict, record, tune, compare, train."""

from typing import Annotated

from fastapi import Request, Response

from service.answers import json_response
from service.bodies import json_body, read_image
from service.openapi import accepts, asks
from service.operations.class_matrix import CLASS_MATRIX
from service.operations.cnn import ACTIVATIONS, PREDICT
from service.operations.cnn_training import TRAIN
from service.operations.comparison import COMPARE
from service.operations.quiz import QUIZ, judge
from service.operations.tuning import TUNE
from service.routes.access import Identity, JobStore, guarded_router, pictured, problems
from service.routes.analyses import answer
from service.routes.jobs import Submission, job_responses
from service.schemas.cnn import (
    ActivationsAnswer,
    ActivationsRequest,
    PredictAnswer,
    PredictRequest,
    TrainRequest,
)
from service.schemas.comparison import CompareRequest
from service.schemas.tuning import ClassMatrixRequest, QuizGuess, QuizRequest, QuizVerdict, TuneRequest

router = guarded_router("digit network", "/cnn")

_DIGIT = {"sample": {"split": "test", "index": 0}}


@router.post(
    "/predict",
    responses=pictured(PredictAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(PredictRequest, {"image": _DIGIT}, pictures=True),
)
async def predict(request: Request) -> Response:
    """Tell which digit the network takes one or more images for."""
    return await answer(PREDICT, request, read_image)


@router.post(
    "/activations",
    responses=pictured(ActivationsAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(ActivationsRequest, {"image": _DIGIT, "layers": ["l1", "y"]}, pictures=True),
)
async def activations(request: Request) -> Response:
    """Record the activity of every layer, or of those asked for, while the network sees an image."""
    return await answer(ACTIVATIONS, request, read_image)


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
    "/class-matrix",
    status_code=202,
    responses=job_responses(400, 404, 413, 415),
    openapi_extra=accepts(ClassMatrixRequest, {"seed": 1}),
)
async def class_matrix(
    submission: Submission, request: Annotated[ClassMatrixRequest, json_body(ClassMatrixRequest)]
) -> Response:
    """Tune an image for each class and read what it does to all logits, as a job: it tells which classes are alike."""
    return await submission.of(CLASS_MATRIX, request)


@router.post(
    "/quiz",
    status_code=202,
    responses=job_responses(400, 404, 413, 415),
    openapi_extra=accepts(QuizRequest, {"layer": "y"}),
)
async def quiz(submission: Submission, request: Annotated[QuizRequest, json_body(QuizRequest)]) -> Response:
    """Tune a unit that chance chooses, as a job that does not tell which; guesses go to `/cnn/quiz/{job_id}/guess`."""
    return await submission.of(QUIZ, request)


@router.post(
    "/quiz/{job_id}/guess",
    response_model=QuizVerdict,
    responses=problems(400, 404, 409, 413, 415, 422),
    openapi_extra=accepts(QuizGuess, {"unit": 3}),
)
def guess(job_id: Identity, jobs: JobStore, request: Annotated[QuizGuess, json_body(QuizGuess)]) -> Response:
    """Guess which unit a finished quiz has tuned; tells how far off the guess is, and the answer when it is right."""
    return json_response(judge(jobs.get(job_id), request))


@router.post(
    "/compare",
    status_code=202,
    responses=job_responses(400, 404, 413, 415, 503),
    openapi_extra=accepts(
        CompareRequest,
        {"subjects": [{"layer": "y", "unit": 3}, {"layer": "y", "unit": 3, "model": "digit-net-best"}], "seed": 1},
    ),
)
async def compare(submission: Submission, request: Annotated[CompareRequest, json_body(CompareRequest)]) -> Response:
    """Compare what 2 to 16 units prefer, as a job: of one or several layers, models, or steps of one training."""
    return await submission.of(COMPARE, request)


@router.post(
    "/train",
    status_code=202,
    responses=job_responses(400, 413, 415, 503),
    openapi_extra=accepts(TrainRequest, {"seed": 1, "name": "my first network"}),
)
async def train(submission: Submission, request: Annotated[TrainRequest, json_body(TrainRequest)]) -> Response:
    """Train the lab's network on MNIST until it reads the held-out digits well enough, as a job."""
    return await submission.of(TRAIN, request)
