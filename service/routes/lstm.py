"""The memory network: its task, simulation, gates, horizon, lesions, state space, training, comparison."""

from typing import Annotated

from fastapi import Request, Response

from service.bodies import json_body
from service.openapi import accepts, asks
from service.operations.horizon import HORIZON
from service.operations.lstm import GATES, SIMULATE, TASK
from service.operations.lstm_training import TRAIN
from service.operations.memory_comparison import COMPARE
from service.operations.memory_lesions import LESIONS
from service.operations.state_space import STATE_SPACE
from service.routes.access import guarded_router, pictured
from service.routes.analyses import answer
from service.routes.jobs import Submission, job_responses
from service.schemas.horizon import HorizonAnswer, HorizonRequest
from service.schemas.lstm import (
    GatesAnswer,
    MemoryTrainRequest,
    SimulateAnswer,
    SimulateRequest,
    TaskAnswer,
    TaskRequest,
)
from service.schemas.memory_comparison import MemoryCompareRequest
from service.schemas.memory_lesions import MemoryLesionsAnswer, MemoryLesionsRequest
from service.schemas.state_space import StateSpaceAnswer, StateSpaceRequest

router = guarded_router("memory network", "/lstm")


@router.post(
    "/task",
    responses=pictured(TaskAnswer, 400, 413, 415),
    openapi_extra=asks(TaskRequest, {"seq_len": 20, "seed": 1}),
)
async def task(request: Request) -> Response:
    """Draw a fresh trial of the memorize-and-report task."""
    return await answer(TASK, request)


@router.post(
    "/simulate",
    responses=pictured(SimulateAnswer, 400, 404, 413, 415),
    openapi_extra=asks(SimulateRequest, {"seq_len": 300, "seed": 1}),
)
async def simulate(request: Request) -> Response:
    """Let the network do the memory task and measure how well it reports."""
    return await answer(SIMULATE, request)


@router.post(
    "/gates",
    responses=pictured(GatesAnswer, 400, 404, 413, 415),
    openapi_extra=asks(SimulateRequest, {"delay": 15, "seed": 1}),
)
async def gates(request: Request) -> Response:
    """Watch the gates and the cell while the network does the memory task."""
    return await answer(GATES, request)


@router.post(
    "/horizon",
    responses=pictured(HorizonAnswer, 400, 404, 413, 415),
    openapi_extra=asks(HorizonRequest, {"models": ["memory-lstm", "memory-lstm-open"], "seed": 1}),
)
async def horizon(request: Request) -> Response:
    """Sweep true delays to find after which one the network fails, alone or several compared."""
    return await answer(HORIZON, request)


@router.post(
    "/lesions",
    responses=pictured(MemoryLesionsAnswer, 400, 404, 413, 415),
    openapi_extra=asks(MemoryLesionsRequest, {"delay": 15, "seed": 1}),
)
async def lesions(request: Request) -> Response:
    """Hold every gate at every value in every window and see what is lost."""
    return await answer(LESIONS, request)


@router.post(
    "/state-space",
    responses=pictured(StateSpaceAnswer, 400, 404, 413, 415),
    openapi_extra=asks(StateSpaceRequest, {"delay": 50, "seed": 1}),
)
async def state_space(request: Request) -> Response:
    """Follow the state through the task, and find where it rests, how it drifts and what carries the value."""
    return await answer(STATE_SPACE, request)


@router.post(
    "/train",
    status_code=202,
    responses=job_responses(400, 413, 415),
    openapi_extra=accepts(MemoryTrainRequest, {"seed": 1, "name": "my memory"}),
)
async def train(
    submission: Submission, request: Annotated[MemoryTrainRequest, json_body(MemoryTrainRequest)]
) -> Response:
    """Train memory networks, one or many side by side, as a job."""
    return await submission.of(TRAIN, request)


@router.post(
    "/compare",
    status_code=202,
    responses=job_responses(400, 413, 415),
    openapi_extra=accepts(
        MemoryCompareRequest,
        {
            "settings": [
                {"name": "lab's recipe"},
                {"name": "longer delays", "seq_len_max": 50},
                {"name": "four units", "hidden_size": 4},
            ],
            "seed": 1,
        },
    ),
)
async def compare(
    submission: Submission, request: Annotated[MemoryCompareRequest, json_body(MemoryCompareRequest)]
) -> Response:
    """Train the same seeds under several settings, as a job, and compare how long they remember."""
    return await submission.of(COMPARE, request)
