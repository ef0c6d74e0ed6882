"""The digit network on the rig: census, tuning curves, receptive fields, lesions, similarity."""

from typing import Annotated

from fastapi import APIRouter, Response

from service.bodies import json_body
from service.openapi import accepts
from service.operations.census import CENSUS
from service.operations.lesion import LESION
from service.operations.receptive_field import RECEPTIVE_FIELD
from service.operations.similarity import SIMILARITY
from service.operations.tuning_curve import TUNING_CURVE
from service.routes.access import pictured
from service.routes.analyses import Answering
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
async def census(answering: Answering, request: Annotated[CensusRequest, json_body(CensusRequest)]) -> Response:
    """Count the dead, constant, sparse and selective units of each layer over many digits, and describe every unit."""
    return await answering.of(CENSUS, request)


@router.post(
    "/tuning-curve",
    responses=pictured(TuningCurveAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(
        TuningCurveRequest,
        {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "stimulus": "orientation"},
    ),
)
async def tuning_curve(
    answering: Answering, request: Annotated[TuningCurveRequest, json_body(TuningCurveRequest)]
) -> Response:
    """Measure how a unit's drive changes with one property of the stimulus, and fit the curve usual for it.

    The property is the class of digits, or the orientation, spatial frequency, position, size or contrast of gratings
    and spots.
    """
    return await answering.of(TUNING_CURVE, request)


@router.post(
    "/receptive-field",
    responses=pictured(ReceptiveFieldAnswer, 400, 404, 413, 415),
    openapi_extra=accepts(
        ReceptiveFieldRequest, {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "seed": 1}
    ),
)
async def receptive_field(
    answering: Answering, request: Annotated[ReceptiveFieldRequest, json_body(ReceptiveFieldRequest)]
) -> Response:
    """Map which pixels a unit listens to by reverse correlation with white noise, beside those that can reach it."""
    return await answering.of(RECEPTIVE_FIELD, request)


@router.post(
    "/lesion",
    responses=pictured(LesionAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(LesionRequest, {"layer": "l3", "fraction": 0.5, "seed": 1}),
)
async def lesion(answering: Answering, request: Annotated[LesionRequest, json_body(LesionRequest)]) -> Response:
    """Silence units, a random share of a layer, or each unit alone, and tell what the network then reads."""
    return await answering.of(LESION, request)


@router.post(
    "/similarity",
    responses=pictured(SimilarityAnswer, 400, 404, 413, 415, 503),
    openapi_extra=accepts(SimilarityRequest, {"per_class": 10, "seed": 1}),
)
async def similarity(
    answering: Answering, request: Annotated[SimilarityRequest, json_body(SimilarityRequest)]
) -> Response:
    """Tell which digits each layer holds for alike, and how far the layers agree in that."""
    return await answering.of(SIMILARITY, request)
