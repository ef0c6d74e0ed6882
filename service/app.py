"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import torch
from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from service import build, database, openapi, problems
from service.access_log import AccessLog
from service.admission import Admission, PrivateAnswers
from service.bodies import MAX_BODY_BYTES
from service.browsers import ForeignPages, Guard, OtherOrigins
from service.computing import Computing
from service.heads import Heads
from service.jobs.engine import Jobs
from service.lab import Lab
from service.metrics import Metrics
from service.pace import Pace
from service.routes import analyses, cnn, digits, docs, health, jobs, lstm, metrics, models, pages, physiology
from service.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The service's API; it computes short analyses itself and hands long ones to the workers."""
    app = FastAPI(
        title="Patchclamp",
        version=version("patchclamp"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.settings = settings
    app.state.metrics = Metrics(lambda: app.state.lab)
    app.state.pace = Pace(settings.requests_per_minute)
    for route in (cnn, physiology, lstm, analyses, digits, jobs, models):
        app.router.routes += route.router.routes  # an included router looks for its route twice with each request
    for route in (health, metrics, docs, pages):
        app.include_router(route.router)
    app.mount("/web", pages.web_files(), name="web")
    problems.install(app)
    openapi.install(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
    app.add_middleware(ForeignPages, origins=settings.cors_origins)
    app.add_middleware(problems.Faults)
    if settings.cors_origins:
        app.add_middleware(OtherOrigins, origins=settings.cors_origins, credentials=settings.cors_credentials)
    app.add_middleware(PrivateAnswers)
    app.add_middleware(Guard, frame_ancestors=settings.frame_ancestors)
    app.add_middleware(problems.RequestIds)
    app.add_middleware(AccessLog, count=app.state.metrics.count)
    app.add_middleware(Heads)  # the last one added is the outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    torch.set_num_threads(settings.threads)
    app.state.build = build.fingerprint()
    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)
    app.state.admission = Admission(settings, engine)
    app.state.lab = Lab(settings, engine)
    app.state.jobs = Jobs(engine, settings)
    app.state.lab.catalogue.damaged()  # loads all the others, so that nobody's first request waits for it
    app.state.computing = Computing()
    yield
    app.state.jobs.close()
    engine.dispose()
