"""The analyses that are answered at once, and what each has to bring along."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from models.digit_net import DigitNet, Drives
from service.catalogue import Model
from service.lab import Lab
from service.operations.answered import Answered
from service.operations.chance import new_seed
from service.schemas.common import AnalysisRequest, Schema

Asked = TypeVar("Asked", bound=Schema)


@dataclass(frozen=True)
class Settled(Generic[Asked]):
    """A request whose seed and models are named, so that it determines its answer, and these models."""

    request: Asked
    models: Sequence[Model]


@dataclass(frozen=True)
class Look:
    """What a digit network has to be shown for an answer, and the answer that its drives make.

    Attributes:
        network: Which is shown them.
        images: (image, row, column), 0 to 1.
        answered: The answer, of each layer's drive (image, *layer shape).
    """

    network: DigitNet
    images: NDArray[np.float32]
    answered: Callable[[Drives], Answered]

    def alone(self) -> Answered:
        """The answer, with nobody else's images in the same pass."""
        return self.answered(self.network.drives_one_by_one(self.images))


@dataclass(frozen=True)
class Analysis(Generic[Asked]):
    """One analysis; what takes longer is a `Kind` of job.

    Attributes:
        path: Its address.
        schema: What may be asked.
        answer: What the result is like, with its pictures.
        family: Whose models answer; None where no model does.
        run: The answer to a request.
        look: The same in two parts, where one pass of the digit network is between them (`of_one_look`).
        is_brief: Whether the numbers of this answer take one look and a millisecond or so, and nothing has to be waited
            for: then it would take longer to hand the request to a thread.
    """

    path: str
    schema: type[Asked]
    answer: type[BaseModel]
    family: str | None
    run: Callable[[Asked, Lab], Answered]
    look: Callable[[Asked, Lab], Look] | None = None
    is_brief: Callable[[Asked, Lab], bool] = lambda _request, _lab: False

    def settle(self, request: Asked, lab: Lab) -> Settled[Asked]:
        """The request with a seed where it had none, and the models that it means now.

        Raises:
            UnknownModel, WrongFamily: A model that cannot answer.
        """
        settled: dict[str, Any] = {}
        models: list[Model] = []
        if self.lacks_seed(request):
            settled["seed"] = new_seed()
        if self.family is not None and isinstance(request, AnalysisRequest):
            models = [lab.catalogue.resolve(self.family, model) for model in request.chosen_models]
            settled |= request.answered_by([model.id for model in models])
        return Settled(request.model_copy(update=settled), models)

    def lacks_seed(self, request: Asked) -> bool:
        """Whether chance still has to decide."""
        return "seed" in self.schema.model_fields and getattr(request, "seed", None) is None


def of_one_look(
    path: str,
    schema: type[Asked],
    answer: type[BaseModel],
    look: Callable[[Asked, Lab], Look],
    is_brief: Callable[[Asked, Lab], bool],
) -> Analysis[Asked]:
    """An analysis whose answer is what one pass of the digit network makes of its images."""
    return Analysis(
        path, schema, answer, DigitNet.FAMILY, lambda request, lab: look(request, lab).alone(), look, is_brief
    )
