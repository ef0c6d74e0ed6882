"""What every operation may reach for: the models, the digits, the place to compute."""

from functools import cached_property
from threading import Lock

import sqlalchemy as sa
import torch

from models.digits import Digits
from models.errors import DatasetUnavailable
from service.catalogue import Catalogue
from service.settings import Settings


class Lab:
    """One process's equipment. Making it is cheap; MNIST is opened when somebody first asks for a digit."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.catalogue = Catalogue(engine, settings.artifacts)
        self._digits: Digits | None = None
        self._opening = Lock()

    def digits(self) -> Digits:
        """MNIST.

        Raises:
            DatasetUnavailable: It is not here and cannot be had.
        """
        with self._opening:
            if self._digits is None:
                self._digits = Digits.open(datasets=self.settings.datasets, data=self.settings.data)
            return self._digits

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
