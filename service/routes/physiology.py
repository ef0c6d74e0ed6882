"""The digit network on the rig: census, tuning curves, receptive fields, lesions, similarity."""

from fastapi import Request, Response

from service.openapi import asks
from service.operations.census import CENSUS
from service.operations.lesion import LESION
from service.operations.receptive_field import RECEPTIVE_FIELD
from service.operations.similarity import SIMILARITY
from service.operations.tuning_curve import TUNING_CURVE
from service.routes.access import guarded_router, pictured
from service.routes.analyses import answer
from service.schemas.census import CensusAnswer, CensusRequest
from service.schemas.lesion import LesionAnswer, LesionRequest
from service.schemas.receptive_field import ReceptiveFieldAnswer, ReceptiveFieldRequest
from service.schemas.similarity import SimilarityAnswer, SimilarityRequest
from service.schemas.tuning_curve import TuningCurveAnswer, TuningCurveRequest

router = guarded_router("physiology of the digit network", "/cnn")


@router.post(
    "/census",
    responses=pictured(CensusAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(CensusRequest, {"layers": ["l3", "l4"], "seed": 1}),
)
async def census(request: Request) -> Response:
    """Count the dead, constant, sparse and selective units of each layer over many digits, and describe every unit."""
    return await answer(CENSUS, request)


@router.post(
    "/tuning-curve",
    responses=pictured(TuningCurveAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(
        TuningCurveRequest,
        {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "stimulus": "orientation"},
    ),
)
async def tuning_curve(request: Request) -> Response:
    """Measure how a unit's drive changes with one property of the stimulus, and fit the curve usual for it.

    The property is the class of digits, or the orientation, spatial frequency, position, size or contrast of gratings
    and spots.
    """
    return await answer(TUNING_CURVE, request)


@router.post(
    "/receptive-field",
    responses=pictured(ReceptiveFieldAnswer, 400, 404, 413, 415),
    openapi_extra=asks(
        ReceptiveFieldRequest, {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}, "seed": 1}
    ),
)
async def receptive_field(request: Request) -> Response:
    """Map which pixels a unit listens to by reverse correlation with white noise, beside those that can reach it."""
    return await answer(RECEPTIVE_FIELD, request)


@router.post(
    "/lesion",
    responses=pictured(LesionAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(LesionRequest, {"layer": "l3", "fraction": 0.5, "seed": 1}),
)
async def lesion(request: Request) -> Response:
    """Silence units, a random share of a layer, or each unit alone, and tell what the network then reads."""
    return await answer(LESION, request)


@router.post(
    "/similarity",
    responses=pictured(SimilarityAnswer, 400, 404, 413, 415, 503),
    openapi_extra=asks(SimilarityRequest, {"per_class": 10, "seed": 1}),
)
async def similarity(request: Request) -> Response:
    """Tell which digits each layer holds for alike, and how far the layers agree in that."""
    return await answer(SIMILARITY, request)
