"""What would you change in data or architecture? Networks from the same seeds, trained in several ways, as pairs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.analysis.horizon import DELAYS_MS
from models.checkpoints import pack, unpack
from models.errors import CorruptCheckpoint, InvalidAnalysis
from models.memory_lstm import MemoryLSTM
from models.memory_task import chance_loss
from models.training.memory_lstm import AT_CHANCE, MemoryTraining, MemoryTrainingSettings
from models.work import Metrics

Change = Literal["improved", "worse", "stopped learning", "unchanged"]

NO_HORIZON_MS = DELAYS_MS[0] / 2
"""What a memory that fails from the shortest delay on counts as where horizons are divided."""

SIGNIFICANT = 0.05

_RESAMPLES = 2000
_MIDDLE_95 = (0.025, 0.975)
_QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


class MemoryComparison:
    """Trains networks under one setting after another; `report` gives the answer once it is finished.

    Implements `models.work.Work`.

    Args:
        settings: By name, the baseline first; with the same `seed` and `networks`, so that the networks of one seed are
            a pair.
        device: Where to compute.

    Raises:
        InvalidAnalysis: There are not two settings, or they differ in their seeds.
    """

    def __init__(self, settings: Mapping[str, MemoryTrainingSettings], device: torch.device | str = "cpu") -> None:
        self._names, self._settings, self._device = list(settings), list(settings.values()), device
        if len(settings) < 2:
            raise InvalidAnalysis(
                "One setting has nothing to be compared with; name at least two, the baseline first.", "/settings"
            )
        if len({(each.seed, each.networks) for each in self._settings}) > 1:
            raise InvalidAnalysis(
                "The settings differ in their seeds, so their networks make no pairs; give all the same.", "/settings"
            )
        self._trainings: list[MemoryTraining] = []

    @property
    def step(self) -> int:
        """Steps of all trainings so far; one that ended early counts in full."""
        return sum(training.total if training.is_finished else training.step for training in self._trainings)

    @property
    def total(self) -> int:
        """Steps at which the last training ends at the latest."""
        return sum(settings.max_steps for settings in self._settings)

    @property
    def is_finished(self) -> bool:
        """Whether the networks of every setting are trained and judged."""
        return len(self._trainings) == len(self._settings) and self._trainings[-1].is_finished

    @property
    def metrics(self) -> Metrics:
        """Which setting is trained, counted from 0, and what its training says of itself."""
        if not self._trainings:
            return {"setting": 0}
        return {"setting": len(self._trainings) - 1, **self._trainings[-1].metrics}

    def advance(self) -> None:
        """Does one slice of the training at hand."""
        if self.is_finished:
            return
        if not self._trainings or self._trainings[-1].is_finished:
            self._trainings.append(self._begun(len(self._trainings)))
        self._trainings[-1].advance()

    def best_networks(self) -> list[MemoryLSTM]:
        """Of each setting the network with the longest horizon; complete once the work is finished."""
        return [training.networks()[training.report()["best"]] for training in self._trainings]

    def report(self) -> dict[str, Any]:
        """The answer, ready for JSON; complete once the work is finished.

        - `seeds`, in the order of every setting's networks, and `longest_delay_ms`, beyond which no horizon is told.
        - `settings`, for each: `name`; `settings` in full; `chance_loss`, what always answering 0 scores on its
          sequences; `networks`, each with `seed`, `loss`, the `chance_loss` of the sequences that this loss is from,
          `loss_over_chance`, `at_chance` (it remembers nothing, and its loss says so), `solved_at`, `family` and
          `horizon_ms`; the quartiles of `horizon_ms` and of `solved_at`, each an observed one, None where too few met
          the target; how many `reached_target` and how many stayed `at_chance`; which is the `best`; the training's
          `history`; and `against_baseline`, None for the baseline.
        - `against_baseline`: in `pairs`, for each `seed`, `log2_ratio` of the horizons (a horizon of 0 counts as half
          the shortest delay) and `change`; their `median_log2_ratio` with the middle 95 % over resamples of the seeds
          as its `interval` (Efron & Tibshirani 1993); how many `improved`, got `worse`, `stopped_learning` (at chance
          only under this setting) or were `unchanged`; and `p_value`, by the sign test of those improved against those
          worse or stopped.
        - `sentences`: what the numbers say, in words.
        """
        told = [_trained(name, training) for name, training in zip(self._names, self._trainings, strict=True)]
        settings = [
            {**each, "against_baseline": _against_baseline(told[0]["networks"], each["networks"]) if number else None}
            for number, each in enumerate(told)
        ]
        return {
            "seeds": [network["seed"] for network in told[0]["networks"]],
            "longest_delay_ms": DELAYS_MS[-1],
            "settings": settings,
            "sentences": _sentences(settings),
        }

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        states = {str(number): bytearray(training.state()) for number, training in enumerate(self._trainings)}
        return pack({number: torch.frombuffer(state, dtype=torch.uint8) for number, state in states.items()}, {})

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this comparison.
        """
        states, _ = unpack(state)
        if len(states) > len(self._settings) or set(states) != {str(number) for number in range(len(states))}:
            raise CorruptCheckpoint("The saved state belongs to another comparison; start this one anew.")
        trainings = [self._begun(number) for number in range(len(states))]
        for number, training in enumerate(trainings):
            training.restore(states[str(number)].numpy().tobytes())
        self._trainings = trainings

    def _begun(self, number: int) -> MemoryTraining:
        return MemoryTraining(self._settings[number], self._device)


def equally_hard(settings: Mapping[str, MemoryTrainingSettings]) -> dict[str, MemoryTrainingSettings]:
    """The same settings with the first one's target loss in proportion to each one's chance level."""
    first = next(iter(settings.values()))
    share = first.target_loss / _chance_loss(first)
    return {name: replace(each, target_loss=share * _chance_loss(each)) for name, each in settings.items()}


def sign_test(more: int, fewer: int) -> float:
    """How probable so uneven a split, or a more uneven one, is when both sides are as likely (Dixon & Mood 1946)."""
    count = more + fewer
    tail = sum(math.comb(count, rarer) for rarer in range(min(more, fewer) + 1)) / 2**count
    return min(1.0, 2 * tail)


def _chance_loss(settings: MemoryTrainingSettings) -> float:
    return chance_loss(range(settings.seq_len_min, settings.seq_len_max), settings.loss_on)


def _trained(name: str, training: MemoryTraining) -> dict[str, Any]:
    report = training.report()
    networks = [
        _beside_chance(network, chance)
        for network, chance in zip(report["networks"], report["history"][-1]["chance_losses"], strict=True)
    ]
    solved_at = [network["solved_at"] for network in networks]
    return {
        "name": name,
        "settings": asdict(training.settings),
        "chance_loss": _chance_loss(training.settings),
        "networks": networks,
        "horizon_ms": _quartiles([network["horizon_ms"] for network in networks]),
        "solved_at": _quartiles([math.inf if step is None else step for step in solved_at]),
        "reached_target": sum(step is not None for step in solved_at),
        "at_chance": sum(network["at_chance"] for network in networks),
        "best": report["best"],
        "history": report["history"],
    }


def _beside_chance(network: Mapping[str, Any], chance: float) -> dict[str, Any]:
    return {
        **network,
        "chance_loss": chance,
        "loss_over_chance": network["loss"] / chance,
        "at_chance": network["loss"] >= AT_CHANCE * chance and network["horizon_ms"] == 0,
    }


def _quartiles(values: Sequence[float]) -> dict[str, int | None]:
    """Each the smallest value that a quarter, half, three quarters of all do not exceed; None where it is infinite."""
    found = np.quantile(values, list(_QUARTILES.values()), method="inverted_cdf").tolist()
    return {name: int(value) if math.isfinite(value) else None for name, value in zip(_QUARTILES, found, strict=True)}


def _against_baseline(baseline: Sequence[Mapping[str, Any]], networks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    pairs = [
        {"seed": after["seed"], "log2_ratio": _log2_ratio(before, after), "change": _change(before, after)}
        for before, after in zip(baseline, networks, strict=True)
    ]
    changes = [pair["change"] for pair in pairs]
    improved, worse, stopped = (changes.count(change) for change in ("improved", "worse", "stopped learning"))
    ratios = np.array([pair["log2_ratio"] for pair in pairs])
    return {
        "pairs": pairs,
        "median_log2_ratio": float(np.median(ratios)),
        "interval": _interval_of_median(ratios),
        "improved": improved,
        "worse": worse,
        "stopped_learning": stopped,
        "unchanged": changes.count("unchanged"),
        "p_value": sign_test(improved, worse + stopped),
    }


def _log2_ratio(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    return math.log2((after["horizon_ms"] or NO_HORIZON_MS) / (before["horizon_ms"] or NO_HORIZON_MS))


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    if after["at_chance"] and not before["at_chance"]:
        return "stopped learning"
    if after["horizon_ms"] == before["horizon_ms"]:
        return "unchanged"
    return "improved" if after["horizon_ms"] > before["horizon_ms"] else "worse"


def _interval_of_median(values: NDArray[np.float64]) -> list[float]:
    drawn = np.random.default_rng(0).integers(0, len(values), size=(_RESAMPLES, len(values)))
    return np.quantile(np.median(values[drawn], axis=1), _MIDDLE_95).tolist()


def _sentences(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the numbers say, in words."""
    return [
        *map(_about_setting, settings),
        *(_about_difference(settings[0]["name"], each) for each in settings[1:]),
        *_about_losses(settings),
        *_about_horizons(settings),
    ]


def _about_setting(setting: Mapping[str, Any]) -> str:
    networks, horizons = setting["networks"], setting["horizon_ms"]
    count, met, half = len(networks), setting["reached_target"], setting["solved_at"]["median"]
    told = f"{setting['name']}: {met} of {count} networks met the target loss"
    told += f" (half of all by step {half:,})" if half is not None else ""
    told += (
        f"; the median horizon is {horizons['median']} ms, the quartiles {horizons['lower_quartile']} and "
        f"{horizons['upper_quartile']} ms."
    )
    if setting["at_chance"]:
        told += f" {setting['at_chance']} of {count} stayed at chance: no better than always answering 0."
    under_way = sum(network["solved_at"] is None and not network["at_chance"] for network in networks)
    if under_way:
        steps = setting["history"][-1]["step"]
        told += f" {under_way} of {count} had learned something, but not met the target after {steps:,} steps."
    return told


def _about_difference(baseline: str, setting: Mapping[str, Any]) -> str:
    difference = setting["against_baseline"]
    median, low, high = map(_factor, (difference["median_log2_ratio"], *difference["interval"]))
    changes = [
        f"{difference[name]} {words}"
        for name, words in (
            ("improved", "improved"),
            ("worse", "got worse"),
            ("stopped_learning", "stopped learning"),
            ("unchanged", "unchanged"),
        )
        if difference[name]
    ]
    return (
        f"{setting['name']} against {baseline}: of {len(difference['pairs'])} seeds {', '.join(changes)}; the horizon "
        f"is {median} times as long in the median (95% interval {low} to {high}). {_told_of_chance(difference)}"
    )


def _factor(log2_ratio: float) -> str:
    factor = 2**log2_ratio
    return f"{factor:.2g}" if factor < 99.5 else f"{factor:,.0f}"


def _told_of_chance(difference: Mapping[str, Any]) -> str:
    changed = len(difference["pairs"]) - difference["unchanged"]
    p_value = f"p = {difference['p_value']:.2g}"
    if difference["p_value"] < SIGNIFICANT:
        return f"Chance alone would rarely divide the seeds so unevenly (sign test, {p_value})."
    if sign_test(changed, 0) >= SIGNIFICANT:
        return f"Too few seeds changed ({changed}) for a sign test to tell that from chance; train more networks."
    return f"Chance alone could well divide the seeds so unevenly (sign test, {p_value})."


def _about_losses(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where chance levels differ: that losses, and target losses, mean different things."""
    lowest, highest = (end(settings, key=lambda each: each["chance_loss"]) for end in (min, max))
    if math.isclose(lowest["chance_loss"], highest["chance_loss"]):
        return []
    return [
        f"Losses under these settings cannot be compared as they are: always answering 0 scores "
        f"{lowest['chance_loss']:.3g} under {lowest['name']} and {highest['chance_loss']:.3g} under {highest['name']}; "
        "compare loss_over_chance.",
        _about_targets(settings),
    ]


def _about_targets(settings: Sequence[Mapping[str, Any]]) -> str:
    shares = {each["name"]: each["settings"]["target_loss"] / each["chance_loss"] for each in settings}
    hardest, easiest = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if math.isclose(shares[hardest], shares[easiest]):
        return f"The target is as hard under each: a loss of {shares[hardest]:.2g} of chance."
    return (
        f"The target is not as hard under each: a loss of {shares[hardest]:.2g} of chance under {hardest}, of "
        f"{shares[easiest]:.2g} under {easiest}, where training ends with larger errors; scale_target makes it alike."
    )


def _about_horizons(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """How horizons at either end of the sweep are to be read."""
    horizons = [network["horizon_ms"] for setting in settings for network in setting["networks"]]
    shortest, longest = DELAYS_MS[0], DELAYS_MS[-1]
    beyond, none = (f"{horizons.count(end)} of {len(horizons)}" for end in (longest, 0))
    told = []
    if longest in horizons:
        told.append(f"Horizons at the longest delay that was tried, {longest:,} ms ({beyond}), may be longer.")
    if 0 in horizons:
        told.append(
            f"Where not even {shortest} ms is remembered ({none}), the horizon counts as {NO_HORIZON_MS:g} ms when "
            "horizons are divided."
        )
    return told
