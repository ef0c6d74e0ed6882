"""The analyses that are answered at once: asked with a body by POST, or by an address of their own with GET."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import Request, Response

from service import addresses
from service.answers import ACCESS_TOKEN, ASKED_AGAIN, FOR_OTHER_SITES, NEVER_ASKED_AGAIN, Reply, Wanted
from service.bodies import read_json
from service.catalogue import Model
from service.computing import Computing, others_to_catch_up
from service.errors import InvalidRequest, UnknownModel
from service.openapi import WANTED, parameters_of
from service.operations import (
    census,
    cnn,
    horizon,
    lesion,
    lstm,
    memory_lesions,
    receptive_field,
    similarity,
    state_space,
    tuning_curve,
)
from service.operations.analysis import Analysis, Asked, Settled
from service.operations.answered import Answered
from service.routes.access import guarded_router, lab_of, pictured

ANALYSES: Sequence[Analysis[Any]] = (
    cnn.PREDICT,
    cnn.ACTIVATIONS,
    census.CENSUS,
    tuning_curve.TUNING_CURVE,
    receptive_field.RECEPTIVE_FIELD,
    lesion.LESION,
    similarity.SIMILARITY,
    lstm.TASK,
    lstm.SIMULATE,
    lstm.GATES,
    horizon.HORIZON,
    memory_lesions.LESIONS,
    state_space.STATE_SPACE,
)
LONGEST_LINK = 2000  # what every browser, proxy and mail program lets pass
_PICTURE_PARAMETERS = ("renderings", "rendering")
_PIN = re.compile(r"[0-9a-f]{8,64}")
_PIN_LENGTH = 12

Reader = Callable[[type[Asked], Request], Awaitable[Asked]]

router = guarded_router("analyses by address")


async def answer(analysis: Analysis[Any], request: Request, read: Reader[Any] = read_json) -> Response:
    """The answer to a request whose body says what is asked.

    All that it needs of the request it takes itself, in order: FastAPI's dependencies for the same took 180 of 870 µs.
    """
    answering = _Answering(request)
    asked = await read(analysis.schema, request)
    await others_to_catch_up()
    response = await answering.of(analysis, asked)
    await others_to_catch_up()
    return response


class _Answering:
    """An analysis on its way out, with what the client wants of it."""

    def __init__(self, request: Request) -> None:
        self._query = request.query_params.multi_items()
        self._reply = Reply(request, Wanted.by(request))
        self._lab = lab_of(request)
        self._computing: Computing = request.app.state.computing

    async def of(self, analysis: Analysis[Asked], request: Asked) -> Response:
        """The answer to a request that came as a body; the header Link has its address where it is short enough."""
        if analysis.look is None or self._reply.has_pictures or not self._is_brief(analysis, request):
            return await self._computing.run(self._answer, analysis, request)
        settled = analysis.settle(request, self._lab)
        look = analysis.look(settled.request, self._lab)
        return self._told(look.answered(await self._computing.drives(look.network, look.images)), analysis, settled)

    async def by_address(self, analysis: Analysis[Any]) -> Response:
        """The answer to a request that came as an address; one that lacks its seed leads to one that has it.

        An address with seed and weights always means the same, and may be kept without asking again; without the
        weights it depends on which model is the default, or on what the shipped models of this build are like.
        """
        return await self._computing.run(self._answer_by_address, analysis)

    def _is_brief(self, analysis: Analysis[Asked], request: Asked) -> bool:
        return self._computing.is_quick and analysis.is_brief(request, self._lab)

    def _answer(self, analysis: Analysis[Asked], request: Asked) -> Response:
        settled = analysis.settle(request, self._lab)
        return self._told(analysis.run(settled.request, self._lab), analysis, settled)

    def _told(self, found: Answered, analysis: Analysis[Any], settled: Settled[Any]) -> Response:
        response = self._reply.answer(found)
        response.headers.update(self._link(analysis, settled))
        return response

    def _answer_by_address(self, analysis: Analysis[Any]) -> Response:
        reserved = (*_PICTURE_PARAMETERS, ACCESS_TOKEN)
        asked = [(name, value) for name, value in self._query if name not in reserved]
        request, pins = addresses.read(analysis.schema, asked)
        settled = analysis.settle(request, self._lab)
        _check(pins, settled.models)
        if analysis.lacks_seed(request):
            address = {"Location": self._address(analysis, settled, reserved)}
            return Response(status_code=307, headers={**address, "Cache-Control": "no-store", **FOR_OTHER_SITES})
        is_fixed = all(model.id in pins for model in settled.models)
        response = self._reply.determined(
            by=[analysis.path, settled.request.model_dump(mode="json"), [model.sha256 for model in settled.models]],
            answered=lambda: analysis.run(settled.request, self._lab),
            keeping=NEVER_ASKED_AGAIN if is_fixed else ASKED_AGAIN,
        )
        response.headers.update(self._link(analysis, settled))
        return response

    def _link(self, analysis: Analysis[Any], settled: Settled[Any]) -> Mapping[str, str]:
        address = self._address(analysis, settled, _PICTURE_PARAMETERS)
        return {"Link": f'<{address}>; rel="bookmark"'} if len(address) <= LONGEST_LINK else {}

    def _address(self, analysis: Analysis[Any], settled: Settled[Any], kept: Sequence[str]) -> str:
        pins = {model.id: model.sha256[:_PIN_LENGTH] for model in settled.models}
        said = addresses.write(settled.request, pins)
        also = addresses.query(pair for pair in self._query if pair[0] in kept)
        return f"{analysis.path}?{'&'.join(filter(None, (said, also)))}"


def _check(pins: addresses.Pins, models: Sequence[Model]) -> None:
    """Refuses weights that the models do not have.

    Raises:
        InvalidRequest: They are no sha256.
        UnknownModel: The model has others now.
    """
    for model in models:
        pin = pins.get(model.id, model.sha256)
        if not _PIN.fullmatch(pin):
            detail = "After a model's @ come 8 to 64 digits of the sha256 of its weights, as GET /models tells them."
            raise InvalidRequest("The weights are not named as they should.", [{"pointer": "/model", "detail": detail}])
        if not model.sha256.startswith(pin):
            raise UnknownModel("The model of this id has other weights; leave out @ and what follows it.", "/model")


def _by_address(analysis: Analysis[Any]) -> Callable[..., Awaitable[Response]]:
    async def ask(request: Request) -> Response:
        return await _Answering(request).by_address(analysis)

    return ask


for _analysis in ANALYSES:
    router.add_api_route(
        _analysis.path,
        _by_address(_analysis),
        name=re.sub(r"\W", "_", _analysis.path.strip("/")),
        summary=f"Address of {_analysis.path}",
        description=f"Answer as `POST {_analysis.path}` does, for `<img src>` and bookmarks; fields are parameters.",
        responses={
            307: {"description": "A seed was left out; the address with one that was drawn."},
            **pictured(_analysis.answer, 404, 503),
        },
        openapi_extra={"parameters": [*WANTED, *parameters_of(_analysis.schema)]},
    )
