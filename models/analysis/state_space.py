"""Where a memory network's state goes while it remembers, and where it would stay if it were left alone.

The state is what the network hands on from one time step to the next: the outputs of all units, then their cells. Axes
beyond those of `models`: `coordinate`, one number of the state; `point`, states where the network rests or nearly so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import InvalidAnalysis
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import Trials, memory_trials_with_delay

States = NDArray[np.float64]
Stability = Literal["stable", "marginal", "unstable"]
Memory = Literal["line", "points", "moving", "lost"]

LARGEST_HIDDEN_SIZE = 64
MOST_TRIALS = 64
LONGEST_DELAY_MS = 1000
MOST_POINTS = 32
STARTS = 256
FIXED_SPEED = 1e-9
NEUTRAL = 1e-9
SLOW_DRIFT = 0.1
UNBROKEN = 0.2
KNOWN = 0.5
_READ_OUT_TRIALS = 192
_SHOWN_AXES = 3
_BEYOND = 5.0
_APART = 0.02
_SAME = 1e-6
_SETTLED = 1e-12
_LET_GO_MS = 10
_ROUNDS, _STEPS_IN_ROUND, _PROGRESS = 8, 10, 0.9
_FIRST_DAMPING, _LEAST_DAMPING = 1e-3, 1e-12
_ALONG, _ACROSS = 0.9, 0.3
_ROUNDING = 1e-6
_NOTHING_LOST = 1e-12


def state_space(
    network: MemoryLSTM, delay: int = 50, trials: int = 16, seed: int = 0, clamps: Sequence[Clamp] = ()
) -> dict[str, Any]:
    """Trajectories in principal axes, the points where the state rests in the delay, and what carries the value.

    Every trial is one sequence whose report comes `delay` ms after its memorize. A clamp on `always` or `delay` holds
    in the dynamics of the delay, too, in which the stream and both pulses are 0.

    Returns:
        - `axes`: as `PrincipalAxes.as_json`, of all states of the trials shown.
        - `trajectories`: for each trial shown its memorized `value`, `memorize_ms`, `report_ms`, and `projected`, the
          state at each ms on the first two axes (one unit) or three.
        - `encoding`: how the value lies in the state just before the report: as `encoding`, of 192 trials, with the
          `span_at_memorize`, the same distance just after the memorize, and `drift_per_ms`, how far these states move
          along the direction of the value if they are left alone for 1 ms (root mean square).
        - `points`: fixed points, then slow ones, as `find_points` tells them, each with its place `projected` on the
          axes, the `position` along the direction of the value, its `eigenvalues`, and `slowest_mode`, the first of
          them: its eigenvector and the `alignment` with that direction, from 0 (across) to 1 (along).
        - `slow_speed` and `fixed_speed`: below which a point counts as slow or fixed.
        - `memory`: its `kind` is `lost` where a reading of the state before the report tells less than half of the
          variance of the values; `line` when points follow one another along the direction of the value without a gap
          of a fifth of the `range` of these states (but the outer 5% at each end); `points` when they leave a larger
          gap; `moving` when none lies in the range. `others_decay_ms` is the longest time constant across the slowest
          mode at these points, None where something else does not decay, or there are none.
        - `sentences`: what the numbers say.

    Raises:
        InvalidAnalysis: More than 64 units or trials, or a delay beyond 1000 ms; none at all of either.
    """
    _refuse_excess(network, delay, trials)
    task = memory_trials_with_delay(delay=delay, n_repeat=1, batch_size=_READ_OUT_TRIALS, seed=seed)
    states = visited_states(network, task, clamps)
    axes = principal_axes(states[:trials].reshape(-1, states.shape[-1]))
    values, rows = task.wanted[:, 0], np.arange(len(states))
    before_report = states[rows, task.report_times[:, 0] - 1]
    encoded = encoding(before_report, values)
    dynamics = DelayDynamics(network, clamps)
    slow_speed = max(SLOW_DRIFT * encoded["span"] / delay, FIXED_SPEED)
    starts = _drawn(states[_in_delay(task)], seed)
    points = find_points(dynamics, starts, slow_speed, apart=_APART * encoded["span"])
    result = {
        "delay_ms": delay,
        "input": {"stimulus": 0.0, "memorize": 0.0, "report": 0.0},
        "axes": axes.as_json(),
        "trajectories": _trajectories(task, axes.projected(states[:trials])),
        "encoding": {
            **encoded,
            "span_at_memorize": encoding(states[rows, task.memorize_times[:, 0]], values)["span"],
            "drift_per_ms": _drift(dynamics, before_report, encoded["direction"]),
        },
        "fixed_speed": FIXED_SPEED,
        "slow_speed": slow_speed,
        "points": _described(dynamics, points, axes, encoded["direction"]),
    }
    result["memory"] = _memory(result["points"], before_report, encoded)
    return {**result, "sentences": _sentences(result)}


class DelayDynamics:
    """What the network does in the delay when it is left alone: a map from each state to the next, in float64.

    Stream and pulses are 0, the mean of what comes in the delay; gates that are clamped there are held.
    """

    _PLACES: Mapping[str, int] = {"input": 0, "forget": 1, "output": 3}

    def __init__(self, network: MemoryLSTM, clamps: Sequence[Clamp] = ()) -> None:
        weights = {name: weight.detach().cpu().double().numpy() for name, weight in network.named_parameters()}
        size = self._size = network.hidden_size
        self._recurrent = weights["weight_hh_l0"].reshape(4, size, size)
        self._bias = (weights["bias_ih_l0"] + weights["bias_hh_l0"]).reshape(4, 1, size)
        held = [clamp for clamp in clamps if clamp.window in ("always", "delay")]
        self._held = {self._PLACES[clamp.gate]: clamp.value for clamp in held}

    def following(self, states: States) -> States:
        """The states (start, coordinate) that come 1 ms after these."""
        (input_gate, forget_gate, candidate, output_gate), _ = self._gates(states)
        cell = forget_gate * states[:, self._size :] + input_gate * candidate
        return np.concatenate([output_gate * np.tanh(cell), cell], axis=1)

    def speed(self, states: States) -> NDArray[np.float64]:
        """How far each state (start, coordinate) moves in 1 ms."""
        return np.linalg.norm(self.following(states) - states, axis=1)

    def jacobian(self, states: States) -> NDArray[np.float64]:
        """(start, coordinate, coordinate): how much each next coordinate changes with each present one."""
        cell = states[:, self._size :]
        (input_gate, forget_gate, candidate, output_gate), steepness = self._gates(states)
        squashed = np.tanh(forget_gate * cell + input_gate * candidate)
        by_drive = np.stack([candidate, cell, input_gate]) * steepness[:3]
        cell_by_output = np.einsum("gsu,guv->suv", by_drive, self._recurrent[:3])
        cell_by_cell = forget_gate[..., None] * np.eye(self._size)
        shown = (output_gate * (1 - squashed**2))[..., None]
        output_by_output = (squashed * steepness[3])[..., None] * self._recurrent[3] + shown * cell_by_output
        return np.block([[output_by_output, shown * cell_by_cell], [cell_by_output, cell_by_cell]])

    def _gates(self, states: States) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Input gate, forget gate, candidate and output gate, and their slopes over their drives; (4, start, unit)."""
        drives = np.einsum("guv,sv->gsu", self._recurrent, states[:, : self._size]) + self._bias
        gates = np.exp(-np.logaddexp(0, -drives))
        gates[2] = np.tanh(drives[2])
        steepness = gates * (1 - gates)
        steepness[2] = 1 - gates[2] ** 2
        for place, value in self._held.items():
            gates[place], steepness[place] = value, 0
        return gates, steepness


@dataclass(frozen=True)
class PrincipalAxes:
    """The directions in which states vary most.

    Attributes:
        mean: (coordinate,).
        directions: (axis, coordinate), of length 1, the largest part of each being positive.
        variance: (axis,), descending.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    variance: NDArray[np.float64]

    def projected(self, states: States) -> States:
        """States (…, coordinate) on the axes that are shown, (…, axis): the first two or three."""
        return (states - self.mean) @ self.directions[:_SHOWN_AXES].T

    def as_json(self) -> dict[str, Any]:
        """`mean`, the `directions` shown, and the share of variance each axis has `explained`, None where it is 0."""
        total = float(self.variance.sum())
        return {
            "mean": self.mean.tolist(),
            "directions": self.directions[:_SHOWN_AXES].tolist(),
            "explained": [share / total if total else None for share in self.variance.tolist()],
        }


def principal_axes(states: States) -> PrincipalAxes:
    """The principal axes of states (state, coordinate), by singular values."""
    mean = states.mean(axis=0)
    triangle = np.linalg.qr(states - mean, mode="r")  # has the singular values of the states, and few rows
    _, singular, directions = np.linalg.svd(triangle, full_matrices=False)
    return PrincipalAxes(mean, directions * _sign_of_largest(directions), singular**2 / len(states))


def visited_states(network: MemoryLSTM, trials: Trials, clamps: Sequence[Clamp] = ()) -> States:
    """(trial, time, coordinate): the state after each step of the trials."""
    recording = network.record(torch.from_numpy(trials.inputs), clamps, trials.periods())
    return torch.cat([recording.output, recording.cell], dim=-1).cpu().double().numpy()


def encoding(states: States, values: NDArray[np.float64]) -> dict[str, Any]:
    """How a memorized value lies in the state.

    Args:
        states: (trial, coordinate).
        values: (trial,), in [-1, 1].

    Returns:
        `r2` of the best linear reading of the value from the state, each trial being read by what was fitted to all
        others; the `direction` (coordinate) of length 1 in which the state moves with the value, by regression, None
        where it does not; and `span`, how far apart the states of the values -1 and 1 are.
    """
    deviation, centred = values - values.mean(), states - states.mean(axis=0)
    slope = deviation @ centred / (deviation @ deviation)
    length = float(np.linalg.norm(slope))
    is_rounding = length <= _ROUNDING * np.abs(states).max()
    return {
        "r2": _left_out_r2(centred, deviation),
        "direction": None if is_rounding else (slope / length).tolist(),
        "span": 0.0 if is_rounding else 2 * length,
    }


def find_points(dynamics: DelayDynamics, starts: States, slow_speed: float, apart: float) -> States:
    """The fixed and slow points (point, coordinate) that are reached from `starts`, at most 32.

    From each start the speed is descended to the slow speed, which is first met near the start, so that slow points
    line up where the network is slow all along; then on to a fixed point if there is one. A slow point is where the
    network has come to 10 ms after it was let go, if it is slow there still: a descent also ends in states that are
    slow for one step, since they lie between motions that nearly cancel. Of points nearer than `apart` to each other
    one is kept, a fixed one if there is any. Slow points farther out than all starts, where the network never goes, and
    fixed points five times as far are left out.

    Source: Sussillo & Barak (2013), Neural Computation 25, 626-649; the descent is by Levenberg and Marquardt.

    Args:
        dynamics: The map.
        starts: (start, coordinate), states that were visited.
        slow_speed: What counts as slow, per ms.
        apart: The least distance between two points.
    """
    centre = starts.mean(axis=0)
    reach = np.linalg.norm(starts - centre, axis=1).max() + _SAME
    slow = _descended(dynamics, starts, slow_speed)
    slow = slow[dynamics.speed(slow) < slow_speed]
    fixed = _descended(dynamics, slow, _SETTLED)
    fixed = fixed[dynamics.speed(fixed) < FIXED_SPEED]
    for _ in range(_LET_GO_MS):
        slow = dynamics.following(slow)
    slow = slow[dynamics.speed(slow) < slow_speed]
    points = np.empty((0, starts.shape[1]))
    for found, farthest in ((fixed, _BEYOND * reach), (slow, reach)):
        near = found[np.linalg.norm(found - centre, axis=1) <= farthest]
        points = _spread_out(points, near, max(apart, _SAME))
    return points


def _refuse_excess(network: MemoryLSTM, delay: int, trials: int) -> None:
    if network.hidden_size > LARGEST_HIDDEN_SIZE:
        raise InvalidAnalysis(
            f"The network has {network.hidden_size} units; take one of at most {LARGEST_HIDDEN_SIZE}.", "/model"
        )
    if not 1 <= delay <= LONGEST_DELAY_MS:
        raise InvalidAnalysis(f"A delay of {delay} ms cannot be analysed; choose 1 to {LONGEST_DELAY_MS} ms.", "/delay")
    if not 1 <= trials <= MOST_TRIALS:
        raise InvalidAnalysis(f"{trials} trials cannot be shown; choose 1 to {MOST_TRIALS}.", "/trials")


def _in_delay(task: Trials) -> NDArray[np.bool_]:
    """(trial, time): the states from which the steps of the delay begin, the one after the memorize being the first."""
    time = np.arange(task.inputs.shape[1])
    return (time >= task.memorize_times) & (time < task.report_times)


def _drawn(visited: States, seed: int) -> States:
    count = min(STARTS, len(visited))
    return visited[np.random.default_rng(seed).choice(len(visited), count, replace=False)]


def _trajectories(task: Trials, projected: States) -> list[dict[str, Any]]:
    return [
        {
            "value": float(task.wanted[trial, 0]),
            "memorize_ms": int(task.memorize_times[trial, 0]),
            "report_ms": int(task.report_times[trial, 0]),
            "projected": path.tolist(),
        }
        for trial, path in enumerate(projected)
    ]


def _left_out_r2(centred: States, deviation: NDArray[np.float64]) -> float:
    """R² of reading each trial by least squares fitted to all others; under 0 where that is worse than their mean."""
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    left = left[:, singular > _ROUNDING * singular[0]]
    leverage = 1 / len(left) + np.square(left).sum(axis=1)
    missed = (deviation - left @ (left.T @ deviation)) / np.maximum(1 - leverage, _NOTHING_LOST)
    return 1 - float(missed @ missed / (deviation @ deviation))


def _descended(dynamics: DelayDynamics, starts: States, below: float) -> States:
    """Where a descent of the speed comes from each start: to a speed `below`, or until it makes no more progress."""
    states, speeds = starts.copy(), dynamics.speed(starts)
    damping = np.full(len(states), _FIRST_DAMPING)
    going = np.flatnonzero(speeds >= below)
    for _ in range(_ROUNDS):
        if not going.size:
            break
        began = speeds.copy()
        for _ in range(_STEPS_IN_ROUND):
            states[going], speeds[going], damping[going] = _step_down(dynamics, states[going], damping[going])
            going = going[speeds[going] >= below]
        going = going[speeds[going] < _PROGRESS * began[going]]
    return states


def _step_down(
    dynamics: DelayDynamics, states: States, damping: NDArray[np.float64]
) -> tuple[States, NDArray[np.float64], NDArray[np.float64]]:
    """One step of Levenberg and Marquardt for every state, their speeds, and the damping of the next step."""
    identity = np.eye(states.shape[1])
    slope = dynamics.jacobian(states) - identity
    normal = slope.mT @ slope
    damped = damping * (1 + normal.diagonal(axis1=1, axis2=2).max(axis=1))
    motion = dynamics.following(states) - states
    downhill = -slope.mT @ motion[..., None]
    tried = states + np.linalg.solve(normal + damped[:, None, None] * identity, downhill)[..., 0]
    speeds, tried_speeds = np.linalg.norm(motion, axis=1), dynamics.speed(tried)
    is_better = tried_speeds < speeds
    return (
        np.where(is_better[:, None], tried, states),
        np.where(is_better, tried_speeds, speeds),
        np.maximum(damping * np.where(is_better, 0.2, 5), _LEAST_DAMPING),
    )


def _spread_out(chosen: States, found: States, apart: float) -> States:
    """`chosen`, and one by one those of `found` that are farthest from all chosen yet, while farther than `apart`."""
    if not len(chosen):
        chosen = found[:1]
    distances = np.linalg.norm(found[:, None] - chosen, axis=-1).min(axis=1, initial=np.inf)
    while len(chosen) < MOST_POINTS and len(found) and distances.max() > apart:
        farthest = found[distances.argmax()]
        chosen = np.concatenate([chosen, farthest[None]])
        distances = np.minimum(distances, np.linalg.norm(found - farthest, axis=1))
    return chosen


def _described(
    dynamics: DelayDynamics, points: States, axes: PrincipalAxes, direction: Sequence[float] | None
) -> list[dict[str, Any]]:
    """Each point with its speed, place and linear dynamics; fixed ones first, in order along the direction."""
    described = [
        {
            "kind": "fixed" if speed < FIXED_SPEED else "slow",
            "speed": float(speed),
            "state": point.tolist(),
            "projected": projected.tolist(),
            "position": None if direction is None else float(point @ np.asarray(direction)),
            **_linear_dynamics(jacobian, direction),
        }
        for point, speed, projected, jacobian in zip(
            points, dynamics.speed(points), axes.projected(points), dynamics.jacobian(points), strict=True
        )
    ]
    return sorted(described, key=lambda point: (point["kind"], point["position"] or 0.0))


def _linear_dynamics(jacobian: NDArray[np.float64], direction: Sequence[float] | None) -> dict[str, Any]:
    """The modes around a point, the one that decays or grows most slowly first."""
    eigenvalues, eigenvectors = np.linalg.eig(jacobian)
    modulus = np.abs(eigenvalues)
    order = np.argsort(np.abs(np.log(np.maximum(modulus, np.finfo(float).tiny))), kind="stable")
    slowest = eigenvectors[:, order[0]].astype(complex)
    largest = slowest[np.abs(slowest).argmax()]
    slowest *= abs(largest) / largest
    return {
        "stability": _stability(float(modulus.max())),
        "eigenvalues": [_eigenvalue(complex(value)) for value in eigenvalues[order]],
        "slowest_mode": {
            "real": slowest.real.tolist(),
            "imaginary": slowest.imag.tolist(),
            "alignment": None if direction is None else _alignment(slowest, direction),
        },
    }


def _stability(largest: float) -> Stability:
    if abs(largest - 1) <= NEUTRAL:
        return "marginal"
    return "stable" if largest < 1 else "unstable"


def _eigenvalue(value: complex) -> dict[str, float | None]:
    modulus = abs(value)
    described = {"real": value.real, "imaginary": value.imag, "modulus": modulus}
    if modulus >= 1 - NEUTRAL:
        return {**described, "time_constant_ms": None}
    return {**described, "time_constant_ms": -1 / float(np.log(modulus)) if modulus else 0.0}


def _alignment(mode: NDArray[np.complex128], direction: Sequence[float]) -> float:
    """The length of the direction's shadow on the line or, for a mode that turns, the plane of the mode."""
    plane, lengths, _ = np.linalg.svd(np.column_stack([mode.real, mode.imag]), full_matrices=False)
    return float(min(1, np.linalg.norm(np.asarray(direction) @ plane[:, lengths > _ROUNDING])))


def _drift(dynamics: DelayDynamics, states: States, direction: Sequence[float] | None) -> float | None:
    if direction is None:
        return None
    motion = (dynamics.following(states) - states) @ np.asarray(direction)
    return float(np.sqrt(np.square(motion).mean()))


def _memory(points: Sequence[Mapping[str, Any]], before_report: States, encoded: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the points make a line where the states before the report lie along the direction of the value."""
    if encoded["direction"] is None or encoded["r2"] < KNOWN:
        return {"kind": "lost", "range": None, "largest_gap": None, "others_decay_ms": None}
    low, high = np.percentile(before_report @ np.asarray(encoded["direction"]), [5, 95])
    low, high = float(low) - _SAME, float(high) + _SAME
    inside = [point for point in points if low <= point["position"] <= high]
    places = sorted(point["position"] for point in inside)
    gap = float(np.diff([low, *places, high]).max() / (high - low))
    kind: Memory = "moving" if not inside else "line" if gap <= UNBROKEN else "points"
    others = [point["eigenvalues"][1]["time_constant_ms"] for point in inside]
    decay = max(others) if others and None not in others else None
    return {"kind": kind, "range": [low, high], "largest_gap": gap, "others_decay_ms": decay}


def _sentences(result: Mapping[str, Any]) -> list[str]:
    """What the numbers say, in words."""
    return [
        *_about_axes(result["axes"]["explained"]),
        _about_encoding(result["encoding"], result["delay_ms"]),
        _about_points(result["points"], result["slow_speed"]),
        _about_memory(result),
        *_about_slowest_mode(result["points"], result["memory"]["range"]),
    ]


def _about_axes(explained: Sequence[float | None]) -> list[str]:
    first, second = explained[:2]
    if first is None or second is None:
        return []
    return [f"The first principal axis holds {first:.1%} of the variance of the state, the second {second:.1%}."]


def _about_encoding(encoding: Mapping[str, Any], delay: int) -> str:
    when = f"Just before the report, {delay} ms after the memorize,"
    if encoding["direction"] is None:
        return f"{when} the state does not depend on the value."
    return (
        f"{when} the best linear reading of the state tells the value with R² {encoding['r2']:z.2f}; the states of the "
        f"values -1 and 1 are {encoding['span']:.2g} apart, just after the memorize they were "
        f"{encoding['span_at_memorize']:.2g}."
    )


def _about_points(points: Sequence[Mapping[str, Any]], slow_speed: float) -> str:
    alone = "Left alone in the delay, with the stream and both pulses at 0, the network"
    if not points:
        return f"{alone} rests nowhere near the states that it visits, nor does it move slowly there."
    counts = Counter(f"fixed and {point['stability']}" if point["kind"] == "fixed" else "slow" for point in points)
    more = " or more" if len(points) == MOST_POINTS else ""
    told = f"{len(points)}{more} point{'' if len(points) == 1 else 's'}"
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{alone} rests or moves by less than {slow_speed:.2g} in 1 ms at {told}: {kinds}."


def _about_memory(result: Mapping[str, Any]) -> str:
    memory, delay = result["memory"], result["delay_ms"]
    match memory["kind"]:
        case "lost":
            return (
                f"After {delay} ms the state tells less than half of the variance of the value: it is no memory of it."
            )
        case "moving":
            return (
                "Among the states before the report lies no fixed or slow point: left alone, they move along the "
                f"direction of the value by {result['encoding']['drift_per_ms']:.2g} in 1 ms, and tell the value only "
                "while they are on their way."
            )
        case "line":
            return (
                "Along the direction of the value points follow one another with no gap over "
                f"{memory['largest_gap']:.0%} of the range in use{_others_told(memory['others_decay_ms'])}: "
                f"for a delay of {delay} ms this is as good as a line attractor."
            )
    return (
        f"Along the direction of the value points leave {memory['largest_gap']:.0%} of the range in use empty: for a "
        f"delay of {delay} ms this is no line attractor, and {_end_told(result['points'])}."
    )


def _others_told(decay_ms: float | None) -> str:
    if decay_ms is None:
        return ""
    return f", and all other modes decay with time constants of at most {max(0.1, decay_ms):,.1f} ms"


def _end_told(points: Sequence[Mapping[str, Any]]) -> str:
    """What becomes of the values in the end, by the number of stable fixed points."""
    stable = sum(point["kind"] == "fixed" and point["stability"] == "stable" for point in points)
    if stable > 1:
        return f"in the end values are drawn to {stable} discrete points"
    return (
        "in the end all values are drawn to the same point" if stable else "no stable point was found to hold a value"
    )


def _about_slowest_mode(points: Sequence[Mapping[str, Any]], held: Sequence[float] | None) -> list[str]:
    """Of the point nearest to the middle of the range, a fixed one if there is any."""
    if not points or held is None:
        return []
    middle = sum(held) / 2
    point = min(points, key=lambda point: (point["kind"], abs(point["position"] - middle)))
    alignment = point["slowest_mode"]["alignment"]
    lies = "along" if alignment >= _ALONG else "across" if alignment <= _ACROSS else "aslant to"
    return [
        f"At the {point['stability']} {point['kind']} point nearest to these states the slowest mode "
        f"{_pace(point['eigenvalues'][0])} and lies {lies} the direction of the value (alignment {alignment:.2f})."
    ]


def _pace(eigenvalue: Mapping[str, Any]) -> str:
    modulus, constant = eigenvalue["modulus"], eigenvalue["time_constant_ms"]
    if constant is not None:
        return f"decays with a time constant of {constant:,.1f} ms (modulus {modulus:.4f})"
    return f"grows (modulus {modulus:.4f})" if modulus > 1 + NEUTRAL else "neither decays nor grows (modulus 1)"


def _sign_of_largest(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(axis, 1): the sign of the largest part of each direction (axis, coordinate)."""
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)
    return np.where(largest < 0, -1.0, 1.0)
