"""The digit network on the rig: census, tuning curves, receptive fields, lesions, similarity."""

from typing import Annotated

from fastapi import APIRouter, Response

from service.answers import Replies
from service.bodies import json_body
from service.openapi import accepts
from service.operations import census as censuses
from service.operations import lesion as lesions
from service.operations import receptive_field as receptive_fields
from service.operations import similarity as similarities
from service.operations import tuning_curve as tuning_curves
from service.routes.access import LabOfProcess, pictured
from service.schemas.census import CensusAnswer, CensusRequest
from service.schemas.lesion import LesionAnswer, LesionRequest
from service.schemas.receptive_field import ReceptiveFieldAnswer, ReceptiveFieldRequest
from service.schemas.similarity import SimilarityAnswer, SimilarityRequest
from service.schemas.tuning_curve import TuningCurveAnswer, TuningCurveRequest

router = APIRouter(prefix="/cnn", tags=["physiology of the digit network"])


@router.post(
    "/census",
    responses=pictured(CensusAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(CensusRequest, {"layers": ["l3", "l4"], "seed": 1}),
)
def census(reply: Replies, lab: LabOfProcess, request: Annotated[CensusRequest, json_body(CensusRequest)]) -> Response:
    """Count the dead, constant, sparse and selective units of each layer over many digits, and describe every unit."""
    answered = censuses.census(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/tuning-curve",
    responses=pictured(TuningCurveAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(
        TuningCurveRequest,
        {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "stimulus": "orientation"},
    ),
)
def tuning_curve(
    reply: Replies, lab: LabOfProcess, request: Annotated[TuningCurveRequest, json_body(TuningCurveRequest)]
) -> Response:
    """Measure how a unit's drive changes with one property of the stimulus, and fit the curve usual for it.

    The property is the class of digits, or the orientation, spatial frequency, position, size or contrast of gratings
    and spots.
    """
    answered = tuning_curves.tuning_curve(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/receptive-field",
    responses=pictured(ReceptiveFieldAnswer, 400, 404, 413, 415),
    openapi_extra=accepts(
        ReceptiveFieldRequest, {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "seed": 1}
    ),
)
def receptive_field(
    reply: Replies, lab: LabOfProcess, request: Annotated[ReceptiveFieldRequest, json_body(ReceptiveFieldRequest)]
) -> Response:
    """Map which pixels a unit listens to by reverse correlation with white noise, beside those that can reach it."""
    answered = receptive_fields.receptive_field(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/lesion",
    responses=pictured(LesionAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(LesionRequest, {"layer": "l3", "fraction": 0.5, "seed": 1}),
)
def lesion(reply: Replies, lab: LabOfProcess, request: Annotated[LesionRequest, json_body(LesionRequest)]) -> Response:
    """Silence units, a random share of a layer, or each unit alone, and tell what the network then reads."""
    answered = lesions.lesion(request, lab)
    return reply.answer(answered.result, answered.renderings)


@router.post(
    "/similarity",
    responses=pictured(SimilarityAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(SimilarityRequest, {"per_class": 10, "seed": 1}),
)
def similarity(
    reply: Replies, lab: LabOfProcess, request: Annotated[SimilarityRequest, json_body(SimilarityRequest)]
) -> Response:
    """Tell which digits each layer holds for alike, and how far the layers agree in that."""
    answered = similarities.similarity(request, lab)
    return reply.answer(answered.result, answered.renderings)
