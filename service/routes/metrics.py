"""The service in numbers."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.metrics import Metrics
from service.routes.access import FOR_MONITORS, problems

router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[FOR_MONITORS],
    responses={
        200: {
            "description": "Numbers in Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 503),
    },
)
def get_metrics(request: Request) -> Response:
    """Tell requests, jobs, workers and models in numbers, for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
