"""The kinds of jobs there are, and what each has to bring along."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from torch import nn

from models.checkpoints import weights_bytes, weights_sha256
from models.work import Work
from service.lab import Lab
from service.rendering.rendering import Rendering
from service.schemas.common import Schema

Request = TypeVar("Request", bound=Schema)
Doing = TypeVar("Doing", bound=Work)


@dataclass(frozen=True)
class NewModel:
    """A network that a job has trained and the catalogue shall keep; `card` tells its training and scores."""

    id: str
    family: str
    network: nn.Module
    card: Mapping[str, Any]

    @cached_property
    def weights(self) -> bytes:
        """The network's weights as safetensors."""
        return weights_bytes(self.network)

    @property
    def reference(self) -> dict[str, str]:
        """What the job's result says of the model."""
        return {"id": self.id, "family": self.family, "sha256": weights_sha256(self.weights)}


@dataclass(frozen=True)
class Outcome:
    """What a job ends with: its result (JSON) and the models it made."""

    result: dict[str, Any]
    models: Sequence[NewModel] = field(default=())


def _everything(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """For kinds that conceal nothing."""
    return told


@dataclass(frozen=True)
class Kind(Generic[Request, Doing]):
    """One kind of job, from the request to the pictures of its result.

    Attributes:
        name: Such as ``cnn.tune``.
        schema: The request body.
        answer: What the result is like, with its pictures.
        settle: Fills in what chance or a default decides (seed, model) and refuses what cannot be done; runs once, when
            the job is submitted.
        begin: The work of a settled request, at its first step.
        finish: The outcome of finished work; the last argument is the job's id.
        renderings: The pictures of a result.
        size: How much work a settled request is, in any measure of the kind's own: tells how long it will take.
        models: How many models a settled request will publish.
        preview: A small PNG of how far the work is, or None for a kind that has none.
        shown_request: What may be shown of a settled request.
        shown_result: What may be shown of a result; also the pictures are drawn of that alone.
    """

    name: str
    schema: type[Request]
    answer: type[BaseModel]
    settle: Callable[[Request, Lab], Request]
    begin: Callable[[Request, Lab], Doing]
    finish: Callable[[Request, Doing, Lab, str], Outcome]
    renderings: Callable[[Mapping[str, Any]], list[Rendering]]
    preview: Callable[[Doing], bytes] | None = None
    size: Callable[[Request], float] = lambda _: 1.0
    models: Callable[[Request], int] = lambda _: 0
    shown_request: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _everything
    shown_result: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _everything
