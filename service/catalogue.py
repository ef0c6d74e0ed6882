"""The models: those that came with the service, and those that jobs have trained."""

import json
import logging
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from torch import nn

from models import memory_lstm
from models.checkpoints import load_weights, weights_sha256
from models.digit_net import DigitNet
from models.errors import CorruptCheckpoint
from models.memory_lstm import MemoryLSTM
from service import database
from service.errors import DefaultModel, NotAllowed, SharedModel, ShippedModel, UnknownModel, WrongFamily
from service.freshness import Fresh
from service.principals import ANYBODY, Principal

log = logging.getLogger(__name__)

Family = Literal["digit-net", "memory-lstm"]
NETWORKS_AT_HAND = 32
"""A class of 100 has trained 200 in ten minutes, and one for digits takes 0.9 MB; another takes some ms to be read."""
FRESH_SECONDS = 1.0
"""So long may a chosen default be unknown to other processes than the one that has taken the choice."""

BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    DigitNet.FAMILY: lambda _: DigitNet(),
    memory_lstm.FAMILY: lambda architecture: MemoryLSTM(architecture["hidden_size"]),
}


@dataclass(frozen=True)
class Model:
    """A model and its card; the weights are read when they are needed.

    Attributes:
        is_shared: Whether everybody sees it.
        owner: Whose job made it, where that is for whoever looks at it to know.
        is_theirs: Whether whoever looks at it may do more than use it.
    """

    id: str
    family: str
    sha256: str
    origin: Literal["shipped", "trained"]
    card: Mapping[str, Any] = field(compare=False)
    is_shared: bool = field(default=True, compare=False)
    owner: str | None = field(default=None, compare=False)
    is_theirs: bool = field(default=False, compare=False)

    @property
    def reference(self) -> dict[str, str]:
        """What every answer says of the model that made it."""
        return {"id": self.id, "family": self.family, "sha256": self.sha256}


class Catalogue:
    """Finds models by id and gives their networks, ready to be recorded from.

    What a principal does not see is not there for them.
    """

    def __init__(self, engine: sa.Engine, artifacts: Path) -> None:
        self._engine = engine
        self._artifacts = artifacts
        self._shipped, self._unreadable = _shipped(artifacts)
        self._network = lru_cache(maxsize=NETWORKS_AT_HAND)(self._build)
        self._defaults = Fresh(lambda: _chosen_defaults(engine), FRESH_SECONDS)
        self._principal = ANYBODY

    def seen_by(self, principal: Principal) -> "Catalogue":
        """The catalogue as this principal sees it."""
        catalogue = copy(self)
        catalogue._principal = principal
        return catalogue

    def all(self, family: str | None = None) -> list[Model]:
        """Every model, shipped ones first, then trained ones from the newest."""
        trained = self._seen().order_by(database.models.c.made_at.desc(), database.models.c.id)
        with self._engine.connect() as connection:
            models = [*self._shipped.values(), *map(_model, connection.execute(trained))]
        return [model for model in models if family in (None, model.family)]

    def count(self) -> Mapping[tuple[str, str], int]:
        """How many models there are of each family and origin; no card is read for it."""
        family = database.models.c.family
        trained = sa.select(family, sa.func.count()).where(self._is_published()).group_by(family)
        with self._engine.connect() as connection:
            of_trained = {(family, "trained"): count for family, count in connection.execute(trained)}
        return {**Tally((model.family, model.origin) for model in self._shipped.values()), **of_trained}

    def get(self, model_id: str) -> Model:
        """The model of this id.

        Raises:
            UnknownModel: There is none.
        """
        if shipped := self._shipped.get(model_id):
            return shipped
        with self._engine.connect() as connection:
            row = connection.execute(self._seen().where(database.models.c.id == model_id)).first()
        if row is None:
            raise UnknownModel("No model has this id; GET /models lists them.", "/model")
        return _model(row)

    def resolve(self, family: str, model_id: str | None) -> Model:
        """The model of this id, or the family's default where none is given.

        Raises:
            UnknownModel: There is none.
            WrongFamily: It is of another family.
        """
        if model_id is None:
            return self.default(family)
        model = self.get(model_id)
        if model.family != family:
            raise WrongFamily(f"This needs a {family} model; GET /models?family={family} lists them.", "/model")
        return model

    def has_at_hand(self, family: str, model_id: str | None) -> bool:
        """Whether this model, or the default, is found and its network had without a question to the database."""
        if model_id is None:
            if not self._defaults.is_at_hand:
                return False
            model_id = self._defaults.now().get(family, family)
        return model_id in self._shipped

    def network(self, model: Model) -> Any:
        """The network with its weights, in evaluation mode and without gradients; shared, so leave it as it is."""
        return self._network(model)

    def weights(self, model: Model) -> bytes:
        """The model's weights as safetensors.

        Raises:
            UnknownModel: It was deleted meanwhile.
            CorruptCheckpoint: They are not those that the card names.
        """
        if model.origin == "shipped":
            weights = self._shipped_weights(model)
        else:
            query = sa.select(database.models.c.weights).where(database.models.c.id == model.id)
            with self._engine.connect() as connection:
                weights = connection.execute(query).scalar()
        if weights is None:
            raise UnknownModel("No model has this id; GET /models lists them.", "/model")
        if weights_sha256(weights) != model.sha256:
            raise CorruptCheckpoint(_DAMAGED[model.origin])
        return weights

    def damaged(self) -> list[str]:
        """The shipped models and the defaults that cannot be used, by id; the others are ready to be recorded from."""
        models = dict(self._shipped)
        damaged = set(self._unreadable)
        for family in BUILDERS:
            try:
                default = self.default(family)
                models[default.id] = default
            except UnknownModel:
                damaged.add(family)
        for model in models.values():
            try:
                self.network(model)
            except CorruptCheckpoint as error:
                log.error("model %s: %s", model.id, error)
                damaged.add(model.id)
        return sorted(damaged)

    def default(self, family: str) -> Model:
        """The model that answers when a request names none."""
        chosen = self._defaults.now().get(family)
        try:
            return self.get(chosen or family)
        except UnknownModel:
            return self.get(family)

    def set_default(self, family: str, model_id: str) -> Model:
        """Lets `model_id` answer when a request names no model, and shares it: it answers everybody.

        Raises:
            NotAllowed: A student asks for it.
            UnknownModel: There is none.
            WrongFamily: It is of another family.
        """
        self._insist_on_lecturer()
        model = self.resolve(family, model_id)
        table = database.defaults
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.family == family))
            connection.execute(sa.insert(table).values(family=family, model_id=model.id))
            connection.execute(_sharing(model.id, True))
        self._defaults.forget()
        return self.get(model.id)

    def share(self, model_id: str) -> Model:
        """Lets everybody see and use a model.

        Raises:
            NotAllowed: A student asks for it.
            UnknownModel: There is none.
        """
        self._insist_on_lecturer()
        self.get(model_id)
        with self._engine.begin() as connection:
            connection.execute(_sharing(model_id, True))
        return self.get(model_id)

    def withdraw(self, model_id: str) -> None:
        """Leaves a shared model to its owner and their lecturer again.

        Raises:
            NotAllowed: A student asks for it, or the lecturer of another course.
            UnknownModel: There is none.
            ShippedModel: It came with the service.
            DefaultModel: It is its family's default.
        """
        self._insist_on_lecturer()
        model = self.get(model_id)
        self._refuse_needed(model)
        if not model.is_theirs:
            raise NotAllowed("The model was shared by another course; only its lecturer can withdraw it.")
        with self._engine.begin() as connection:
            connection.execute(_sharing(model_id, False))

    def delete(self, model_id: str) -> None:
        """Deletes a trained model.

        Raises:
            UnknownModel: There is none.
            ShippedModel: It came with the service.
            DefaultModel: It is its family's default.
            SharedModel: It is shared, and not theirs to withdraw.
        """
        model = self.get(model_id)
        self._refuse_needed(model)
        if model.is_shared and not (model.is_theirs and self._principal.teaches):
            raise SharedModel("Everybody may use this model; let the lecturer of its course withdraw it first.")
        with self._engine.begin() as connection:
            connection.execute(sa.delete(database.models).where(database.models.c.id == model.id))

    def _refuse_needed(self, model: Model) -> None:
        if model.origin == "shipped":
            raise ShippedModel("This model came with the service and stays for everybody; only trained ones can go.")
        if self.default(model.family).id == model.id:
            raise DefaultModel(
                f"This model is the default; choose another one first with PUT /models/{model.family}/default."
            )

    def _insist_on_lecturer(self) -> None:
        if not self._principal.teaches:
            raise NotAllowed("Sharing models and choosing defaults is for lecturers; ask yours.")

    def _build(self, model: Model) -> nn.Module:
        network = BUILDERS[model.family](model.card["architecture"])
        load_weights(network, self.weights(model))
        return network.eval().requires_grad_(False)

    def _shipped_weights(self, model: Model) -> bytes:
        try:
            return (self._artifacts / model.id / "model.safetensors").read_bytes()
        except OSError as error:
            raise CorruptCheckpoint(_DAMAGED["shipped"]) from error

    def _seen(self) -> sa.Select[*tuple[Any, ...]]:
        """The trained models that the principal sees."""
        table = database.models.c
        is_theirs = self._principal.reaches(table.owner, table.course)
        columns = (table.id, table.family, table.sha256, table.card, table.is_shared, table.owner)
        seen = sa.select(*columns, is_theirs.label("is_theirs"))
        return seen.where(self._is_published(), sa.or_(table.is_shared, is_theirs))

    def _is_published(self) -> sa.ColumnElement[bool]:
        return database.is_published(self._engine)


_DAMAGED: Mapping[str, str] = {
    "shipped": "The weights of this model are damaged; restore the artifacts folder from the release.",
    "trained": "The stored weights of this model are damaged; train it again or restore a backup.",
}


def _chosen_defaults(engine: sa.Engine) -> Mapping[str, str]:
    """Which model answers for each family whose default was chosen."""
    table = database.defaults.c
    with engine.connect() as connection:
        return {family: model_id for family, model_id in connection.execute(sa.select(table.family, table.model_id))}


def _sharing(model_id: str, is_shared: bool) -> sa.Update:
    return sa.update(database.models).where(database.models.c.id == model_id).values(is_shared=is_shared)


def _model(row: Any) -> Model:
    owner = row.owner if row.is_theirs else None  # a student's name is not for the other students
    return Model(row.id, row.family, row.sha256, "trained", row.card, row.is_shared, owner, bool(row.is_theirs))


def _shipped(artifacts: Path) -> tuple[dict[str, Model], list[str]]:
    """The shipped models by their ids, and the ids of those whose cards cannot be read."""
    models, unreadable = {}, []
    for path in sorted(artifacts.glob("*/card.json")):
        try:
            models[path.parent.name] = _read_artifact(path)
        except (OSError, ValueError, KeyError, TypeError):
            log.exception("the card of model %s cannot be read; restore it from the release", path.parent.name)
            unreadable.append(path.parent.name)
    return models, unreadable


def _read_artifact(path: Path) -> Model:
    card = json.loads(path.read_text("utf-8"))
    return Model(path.parent.name, card["family"], card["sha256"], "shipped", card)
