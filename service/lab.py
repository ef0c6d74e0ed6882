"""What every operation may reach for: the models, the digits, the place to compute."""

import time
from copy import copy
from functools import cached_property, lru_cache
from threading import Lock

import sqlalchemy as sa
import torch

from models.digits import Digits
from models.errors import DatasetUnavailable
from service.catalogue import Catalogue
from service.principals import Principal
from service.settings import Settings

RETRY_SECONDS = 60.0


class Lab:
    """One process's equipment. Making it is cheap; MNIST is opened when somebody first asks for a digit."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.catalogue = Catalogue(engine, settings.artifacts)
        self._shelf = _Shelf(settings)
        self._view = lru_cache(maxsize=1024)(self._seen_by)

    def seen_by(self, principal: Principal) -> "Lab":
        """The same equipment with the models that this principal sees."""
        return self._view(principal)

    def _seen_by(self, principal: Principal) -> "Lab":
        lab = copy(self)
        lab.catalogue = self.catalogue.seen_by(principal)
        return lab

    def digits(self) -> Digits:
        """MNIST.

        Raises:
            DatasetUnavailable: It is not here and cannot be had.
        """
        return self._shelf.digits()

    @property
    def has_digits_at_hand(self) -> bool:
        """Whether MNIST is open already."""
        return self._shelf.is_open

    def digits_if_any(self) -> Digits | None:
        """MNIST where there is one, for analyses that are only the richer for it."""
        try:
            return self.digits()
        except DatasetUnavailable:
            return None

    @cached_property
    def device(self) -> str:
        """Where jobs compute."""
        if self.settings.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.settings.device


class _Shelf:
    """Where MNIST lies once it is opened, for all who look at the lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._digits: Digits | None = None
        self._refusal: tuple[str, float] | None = None
        self._opening = Lock()

    @property
    def is_open(self) -> bool:
        return self._digits is not None

    def digits(self) -> Digits:
        with self._opening:
            if self._digits is None:
                self._digits = self._open()
            return self._digits

    def _open(self) -> Digits:
        """Tries anew only after a while: on a machine without network each try takes seconds."""
        if self._refusal is not None and time.monotonic() - self._refusal[1] < RETRY_SECONDS:
            raise DatasetUnavailable(self._refusal[0])
        try:
            return Digits.open(datasets=self._settings.datasets, data=self._settings.data)
        except DatasetUnavailable as error:
            self._refusal = str(error), time.monotonic()
            raise
