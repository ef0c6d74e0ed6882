"""Pictures: the same numbers give the same bytes, every extreme is drawn, and what is drawn tells the truth."""

import base64
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service import rendering
from service.rendering import axes, canvas, lettering, palette, stamping
from service.rendering.layers import Mosaic
from service.rendering.rendering import Rendering

WIDEST = 1440
SHAPES = {"l1": (6, 14, 14), "l2": (16, 7, 7), "l3": (120,), "l4": (84,), "y": (10,)}


def noise(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def digit(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random((28, 28))


def tuned(unit: Any, shape: tuple[int, ...], before: Any = None, after: Any = None, starts: int = 8) -> dict[str, Any]:
    ends = noise(starts, seed=3) * 10
    return {
        "unit": unit,
        "label": f"{unit} of its layer",
        "initial_image": digit(1),
        "optimized_image": digit(2),
        "drive_before": -1.25,
        "drive_after": 31.5,
        "starts": [{"before": -1.0, "after": float(end)} for end in ends],
        "best_start": int(np.argmax(ends)),
        "trace": [{"step": step, "drive": step / 10, "penalty": step / 100} for step in range(0, 100, 10)],
        "layer_before": noise(*shape) if before is None else before,
        "layer_after": noise(*shape, seed=1) if after is None else after,
        "rank_before": 5,
        "rank_after": 1,
    }


def task(steps: int, hidden: int = 1, pulses: bool = True) -> dict[str, Any]:
    inputs = np.column_stack([np.tanh(noise(steps)), np.zeros(steps), np.zeros(steps)])
    events: list[dict[str, Any]] = []
    if pulses:
        report = steps - 1
        inputs[0, 1], inputs[report, 2] = 1, 1
        events = [
            {"kind": kind, "time_ms": at, "delay_ms": report} for kind, at in (("memorize", 0), ("report", report))
        ]
    gate = 1 / (1 + np.exp(-noise(steps, hidden)))
    return {
        "time_ms": list(range(steps)),
        "inputs": inputs.tolist(),
        "gates": {"input": gate.tolist(), "forget": gate.tolist(), "output": gate.tolist()},
        "candidate": np.tanh(noise(steps, hidden)).tolist(),
        "write": np.zeros((steps, hidden)).tolist(),
        "cell": noise(steps, hidden).tolist(),
        "output": noise(steps, hidden).tolist(),
        "events": events,
    }


def trial(steps: int, *, pulses: bool = True, answered: bool = True) -> Rendering:
    shown = task(steps, pulses=pulses)
    predicted = np.zeros(steps).tolist() if answered else None
    return rendering.trial(shown["time_ms"], shown["inputs"], np.zeros(steps), predicted, shown["events"])


def periods(hidden: int) -> dict[str, Any]:
    gates = {name: {"mean": [0.5] * hidden, "sd": [0.1] * hidden} for name in ("input", "forget", "output", "write")}
    return {"memorize": gates, "delay": None, "report": gates, "other": gates}


def horizon_curve(label: str, r2: Callable[[float], float], horizon_ms: int | None) -> dict[str, Any]:
    points = [{"delay_ms": at, "r2": r2(at), "r2_interval": [r2(at) - 0.1, r2(at) + 0.05]} for at in (1, 10, 100, 1000)]
    return {"label": label, "curve": points, "horizon_ms": horizon_ms}


def network(seed: int, family: str | None, horizon_ms: int | None, solved_at: int | None = 5000) -> dict[str, Any]:
    return {"seed": seed, "loss": 1e-4, "solved_at": solved_at, "family": family, "horizon_ms": horizon_ms}


def accuracies(records: int) -> list[dict[str, Any]]:
    return [
        {"step": 100 * number, "loss": 1 / number, "accuracy": 0.9, "heldout_accuracy": None if number == 1 else 0.93}
        for number in range(1, records + 1)
    ]


def losses(networks: int, value: float = 0.01) -> list[dict[str, Any]]:
    return [{"step": step, "losses": [value] * networks, "chance_loss": 0.0325} for step in (500, 1000, 1500)]


ONE_HOT = np.eye(10)

FIGURES: dict[str, Callable[[], Rendering]] = {
    "blank input": lambda: rendering.input_image(np.zeros((28, 28))),
    "input from JSON": lambda: rendering.input_image(digit().tolist(), "a test digit"),
    **{
        f"sheet of {count}": lambda count=count: rendering.input_sheet(np.ones((count, 28, 28)), ["7"] * count)
        for count in (1, 2, 5, 47, 256)
    },
    "sheet without captions": lambda: rendering.input_sheet([digit(), digit(1)], [], name="digits", title="Digits"),
    "one right": lambda: rendering.probabilities([ONE_HOT[3]], [3], [3]),
    "one of unknown label": lambda: rendering.probabilities([np.full(10, 0.1)], [0], [None]),
    **{
        f"probabilities of {count}": lambda count=count: rendering.probabilities(
            np.full((count, 10), 0.1), [0] * count, [None, *[1] * (count - 1)]
        )
        for count in (2, 40, 256)
    },
    **{
        f"layer {name} of {kind}": lambda name=name, shape=shape, fill=fill: rendering.layer_activity(
            name, "conv" if len(shape) == 3 else "dense", np.full(shape, fill)
        )
        for name, shape in SHAPES.items()
        for kind, fill in {"zeros": 0.0, "equal values": 2.5, "equal negative values": -2.5}.items()
    },
    **{
        f"{channels} channels": lambda channels=channels: rendering.layer_activity(
            "l1", "conv", noise(channels, 5, 9), "any channels", "drive (a.u.)"
        )
        for channels in (1, 2, 7, 13, 64, 256)
    },
    "a single unit": lambda: rendering.layer_activity("l9", "dense", [1.5], "one unit"),
    **{
        f"stimuli of {count}": lambda count=count: rendering.stimulus([tuned(unit, (10,)) for unit in range(count)])
        for count in (1, 2, 5, 40)
    },
    "responses of a conv unit": lambda: rendering.responses("l1", "conv", SHAPES["l1"], [tuned(0, SHAPES["l1"])]),
    "responses of a place": lambda: rendering.responses(
        "l2", "conv", SHAPES["l2"], [tuned({"channel": 15, "row": 6, "column": 6}, SHAPES["l2"])]
    ),
    "responses of channels": lambda: rendering.responses(
        "l2", "conv", SHAPES["l2"], [tuned({"channel": channel}, SHAPES["l2"]) for channel in range(5)]
    ),
    "responses without any drive": lambda: rendering.responses(
        "l3", "dense", (120,), [tuned(119, (120,), np.zeros(120), np.zeros(120))]
    ),
    "responses of all classes": lambda: rendering.responses(
        "y", "dense", (10,), [tuned(unit, (10,)) for unit in range(10)]
    ),
    "a single start": lambda: rendering.starts([tuned(0, (10,), starts=1)]),
    "starts of many units": lambda: rendering.starts([tuned(unit, (10,), starts=64) for unit in range(20)]),
    "starts that went nowhere": lambda: rendering.starts(
        [{"unit": 0, "starts": [{"before": 0.0, "after": 0.0}] * 3, "best_start": 0}]
    ),
    "traces": lambda: rendering.tuning_trace([tuned(unit, (10,)) for unit in range(14)]),
    "a trace of one step": lambda: rendering.tuning_trace(
        [{"unit": 0, "trace": [{"step": 0, "drive": 0.0, "penalty": 0.0}]}]
    ),
    "no trace": lambda: rendering.tuning_trace([{"unit": 0, "trace": []}]),
    "accuracy": lambda: rendering.accuracy_curve(accuracies(8), 0.95, 800),
    "accuracy of one record": lambda: rendering.accuracy_curve(accuracies(1), None),
    "no accuracy": lambda: rendering.accuracy_curve([], 0.95, 0),
    "empty confusion": lambda: rendering.confusion(np.zeros((10, 10))),
    "perfect confusion": lambda: rendering.confusion(np.diag([100] * 10)),
    **{f"losses of {count}": lambda count=count: rendering.loss_curve(losses(count), 1e-4) for count in (1, 6, 64)},
    "losses of 0": lambda: rendering.loss_curve(losses(2, 0.0), None),
    "one loss": lambda: rendering.loss_curve(losses(1)[:1], 1e-4),
    "no losses": lambda: rendering.loss_curve([], 1e-4),
    **{
        f"{count} networks": lambda count=count: rendering.networks(
            [network(seed, ("closed", "open", None)[seed % 3], 3**seed % 977) for seed in range(count)], 0
        )
        for count in (1, 16, 64)
    },
    "unsolved networks": lambda: rendering.networks([network(1, None, 0, None), network(2, None, None, None)], None),
    **{f"trial of {steps}": lambda steps=steps: trial(steps) for steps in (2, 40, 600, 3000)},
    "trial without pulses": lambda: trial(50, pulses=False),
    "the task alone": lambda: trial(40, answered=False),
    **{
        f"gates of {hidden} in {steps}": lambda hidden=hidden, steps=steps: rendering.gates(**task(steps, hidden))
        for hidden, steps in ((1, 2), (1, 3000), (2, 2), (7, 600), (32, 3000))
    },
    "gates without pulses": lambda: rendering.gates(**task(30, 2, pulses=False)),
    "scatter": lambda: rendering.scatter(noise(400) / 3, noise(400) / 4, 0.5, 0.7, 0.9, 0.57, 0.2),
    "a single report": lambda: rendering.scatter([0.0], [0.0], None, None, None, None, 0.0),
    "no reports": lambda: rendering.scatter([], [], None, None, None, None, None),
    **{f"aligned {hidden}": lambda hidden=hidden: rendering.aligned(periods(hidden)) for hidden in (1, 8, 32)},
    "aligned nothing": lambda: rendering.aligned({"memorize": None}),
    "horizon": lambda: rendering.horizon([horizon_curve("one", lambda delay: 1 - delay / 1000, 100)], 0.9),
    "no horizon": lambda: rendering.horizon([horizon_curve("lost", lambda delay: -50.0, None)], 0.9),
    "many horizons": lambda: rendering.horizon(
        [
            horizon_curve(f"network {slope}", lambda delay, slope=slope: 1 - slope * delay / 1e4, 10)
            for slope in range(9)
        ],
        0.9,
    ),
}


def pixels(figure: Rendering) -> NDArray[np.uint8]:
    return np.asarray(figure.draw().convert("RGB"))


@pytest.mark.parametrize("name", FIGURES)
def test_every_extreme_is_drawn_within_the_page_and_described(name: str) -> None:
    figure = FIGURES[name]()
    image = Image.open(io.BytesIO(figure.png()))
    assert image.format == "PNG"
    assert 0 < image.width <= WIDEST
    assert 0 < image.height <= 4000
    assert len(np.unique(np.asarray(image.convert("L")))) > 2
    assert figure.title
    assert figure.alt.endswith(".")
    assert "nan" not in figure.alt


@pytest.mark.parametrize(
    "name", ["responses of a conv unit", "gates of 7 in 600", "losses of 64", "scatter", "accuracy"]
)
def test_the_same_numbers_give_the_same_bytes(name: str) -> None:
    assert FIGURES[name]().png() == FIGURES[name]().png()


def test_other_numbers_give_other_bytes() -> None:
    assert rendering.input_image(digit(0)).png() != rendering.input_image(digit(1)).png()


def test_nothing_is_drawn_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("drawn too early")

    monkeypatch.setattr(canvas.Canvas, "__init__", refuse)
    figures = [make() for make in FIGURES.values()]
    with pytest.raises(AssertionError, match="too early"):
        figures[0].png()


def test_the_json_form_carries_the_png_and_its_size() -> None:
    figure = rendering.input_image(digit())
    document = figure.as_json()
    assert list(document) == ["name", "title", "alt", "media_type", "width", "height", "data"]
    assert document["media_type"] == "image/png"
    assert base64.b64decode(document["data"]) == figure.png()
    assert (document["width"], document["height"]) == figure.draw().size


def test_a_png_holds_no_time_of_its_making() -> None:
    png = rendering.input_image(digit()).png()
    assert b"tIME" not in png
    assert b"tEXt" not in png


def test_a_preview_is_small_and_shows_ink_dark_on_paper() -> None:
    image = np.zeros((28, 28))
    image[10, 20] = 1
    preview = rendering.preview(image)
    levels = np.asarray(Image.open(io.BytesIO(preview)))
    assert len(preview) < 2000
    assert levels.shape == (112, 112)
    assert (levels[40:44, 80:84] < 40).all()
    assert (np.delete(levels.ravel(), np.flatnonzero(levels.ravel() < 40)) == 255).all()


@pytest.mark.parametrize("colour_map", [palette.VIRIDIS, palette.GREYS, palette.BLUES])
def test_sequential_maps_run_one_way_in_lightness(colour_map: palette.ColourMap) -> None:
    steps = np.diff(palette.luminance(colour_map.table))
    assert (steps > -0.35).all() or (steps < 0.35).all()
    assert abs(steps.sum()) > 70


def test_the_activity_map_rises_evenly_in_lightness() -> None:
    lightness = palette.luminance(palette.VIRIDIS.table)
    straight = np.linspace(lightness[0], lightness[-1], 256)
    assert np.abs(lightness - straight).max() < 3


def test_the_diverging_map_is_lightest_at_zero_and_falls_to_both_sides() -> None:
    lightness = palette.luminance(palette.DIVERGING.table)
    assert lightness[127:129].min() > 97
    assert (np.diff(lightness[:128]) >= -0.2).all()
    assert (np.diff(lightness[128:]) <= 0.2).all()
    assert abs(lightness[0] - lightness[-1]) < 10


def test_a_signed_scale_is_white_at_zero_whatever_the_panels_hold() -> None:
    scale = palette.signed_scale([-3.0, 1.0], [9.0])
    assert (scale.low, scale.high) == (-9.0, 9.0)
    assert palette.luminance(scale.colours(0.0)) > 97


def test_letters_are_readable_on_every_colour_of_the_maps() -> None:
    for colour_map in (palette.VIRIDIS, palette.BLUES, palette.GREYS):
        for colour in colour_map.table:
            assert abs(palette.luminance(palette.text_on(colour)) - palette.luminance(colour)) > 38


def test_equal_drives_have_equal_colours_before_and_after() -> None:
    shape = SHAPES["l1"]
    before, after = np.full(shape, 1.0), np.full(shape, -8.0)
    before[4], after[4] = 3.0, 3.0
    figure = rendering.responses("l1", "conv", shape, [tuned(0, shape, before, after)])
    image = pixels(figure)
    colours = [colour_at(image, mosaic.map_box(4)) for mosaic in response_mosaics(shape)]
    others = [colour_at(image, mosaic.map_box(5)) for mosaic in response_mosaics(shape)]
    assert colours[0] == colours[1]
    assert others[0] != others[1]


@pytest.mark.parametrize("unit", [0, 195, 667, 1175])
def test_the_frame_is_around_the_tuned_unit_in_both_mosaics(unit: int) -> None:
    shape = SHAPES["l1"]
    image = pixels(rendering.responses("l1", "conv", shape, [tuned(unit, shape, np.zeros(shape), np.zeros(shape))]))
    for mosaic in response_mosaics(shape):
        centre = np.multiply(mosaic.unit_box(unit, shape).centre, canvas.SCALE)
        box = mosaic.map_box(int(np.unravel_index(unit, shape)[0])).grown(4)
        left, top, right, bottom = (int(canvas.SCALE * edge) for edge in (box.left, box.top, box.right, box.bottom))
        rows, columns = np.nonzero(is_near(image[top:bottom, left:right], palette.VERMILLION))
        assert columns.mean() + left == pytest.approx(centre[0], abs=3)
        assert rows.mean() + top == pytest.approx(centre[1], abs=3)


@pytest.mark.parametrize("unit", [0, 48, 119])
def test_the_triangle_stands_over_the_tuned_bar(unit: int) -> None:
    values = np.zeros(120)
    image = pixels(rendering.responses("l3", "dense", (120,), [tuned(unit, (120,), values, values + 0.0)]))
    left, width = axes.MARGIN + 40, axes.COLUMN - 2 * axes.MARGIN - 40
    expected = canvas.SCALE * (left + width * (unit + 0.5) / 120)
    columns = np.nonzero(is_near(image, palette.VERMILLION).any(axis=0))[0]
    assert columns.min() <= expected <= columns.max()
    assert columns.max() - columns.min() < 30


def test_alts_hold_the_numbers() -> None:
    shape = SHAPES["l3"]
    before, after = np.zeros(120), np.zeros(120)
    before[48], after[48] = -1.5, 17.25
    told = rendering.responses("l3", "dense", shape, [tuned(48, shape, before, after)]).alt
    for words in ("unit 48", f"{lettering.MINUS}1.5", "17.2", "from 5 to 1 of 120"):
        assert words in told
    assert "class 7" not in rendering.probabilities([ONE_HOT[3]], [3], [4]).alt
    assert "the true label is 4" in rendering.probabilities([ONE_HOT[3]], [3], [4]).alt
    assert "95.12%" in rendering.accuracy_curve([{**accuracies(2)[1], "heldout_accuracy": 0.9512}], 0.95, 800).alt
    assert "800 steps" in rendering.accuracy_curve(accuracies(2), 0.95, 800).alt
    assert "99 ms" in trial(100).alt
    assert "100 ms for one" in FIGURES["horizon"]().alt
    assert "no delay" in FIGURES["no horizon"]().alt
    matrix = np.diag([90] * 10)
    matrix[4, 9] = 100
    assert "900 of 1,000" in rendering.confusion(matrix).alt
    assert "4 read as 9, 100 times" in rendering.confusion(matrix).alt
    assert "1 solved" in rendering.networks([network(7, "closed", 600), network(8, None, 0, None)], 0).alt
    assert (
        "seed 7, holds for 600 ms" in rendering.networks([network(7, "closed", 600), network(8, None, 0, None)], 0).alt
    )


def test_a_horizon_at_the_longest_delay_is_only_a_lower_bound() -> None:
    figure = rendering.horizon([horizon_curve("long", lambda delay: 1.0, 1000)], 0.9)
    assert figure.title == "Horizon: at least 1,000 ms"


def test_units_left_out_are_said_to_be() -> None:
    units = [tuned(unit, (10,)) for unit in range(40)]
    assert rendering.starts(units).title.endswith("the first 8 of 40 units")
    assert rendering.stimulus(units).title == "Stimuli after tuning of 40 units"


def test_a_pulse_of_one_step_survives_three_thousand() -> None:
    shown = task(3000, 2)
    closed = np.zeros((3000, 2))
    closed[1500] = 1.0
    shown["gates"]["input"] = closed.tolist()
    image = pixels(rendering.gates(**shown))
    assert is_near(image[:, WIDEST // 2 - 300 : WIDEST // 2 + 100], tuple(palette.VIRIDIS.table[-1].tolist())).any()


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (0, 2000, 4, [0, 500, 1000, 1500, 2000]),
        (3, 3.4, 4, [3, 3.1, 3.2, 3.3, 3.4]),
    ],
)
def test_ticks_are_steps_of_one_two_or_five(low: float, high: float, count: int, expected: list[float]) -> None:
    assert axes.Linear(low, high).ticks(count) == pytest.approx(expected)


def test_logarithmic_ticks_are_powers_of_ten_on_a_long_axis() -> None:
    axis = axes.Log(1e-5, 1.0)
    assert axis.ticks(8) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert axis.fractions([1e-5, 1.0, 0.0]).tolist()[:2] == pytest.approx([0.0, 1.0])
    assert math.isnan(float(axis.fractions(0.0)))


def test_spread_labels_keep_their_order_and_their_distance() -> None:
    places = axes.spread([50, 51, 52, 10], 15, 0, 60)
    assert sorted(places) == [places[3], places[0], places[1], places[2]]
    assert min(np.diff(sorted(places))) >= 15
    assert max(places) <= 60


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (-1.5, "−1.5"),
        (0.95, "0.95"),
        (1234, "1,234"),
        (2000.0, "2,000"),
        (123456.7, "123,457"),
        (31.52, "31.5"),
        (0.00012, "0.00012"),
        (float("nan"), "none"),
        (None, "none"),
    ],
)
def test_numbers_are_written_for_people(value: float | None, words: str) -> None:
    assert lettering.number(value) == words


def test_signs_that_the_typeface_lacks_are_drawn() -> None:
    for sign in (lettering.MINUS, lettering.TIMES, lettering.ARROW, lettering.SQUARED, lettering.DASH, "≥", "⁻⁵"):
        mask = np.asarray(lettering.lettered(f"H{sign}H", 24))
        missing = np.asarray(lettering.lettered("H\uffffH", 24))
        assert mask.shape != missing.shape or (mask != missing).any()
        assert mask.sum() > np.asarray(lettering.lettered("HH", 24)).sum()


def test_capitals_are_centred_from_top_to_bottom() -> None:
    mask = np.asarray(lettering.lettered("H", 48))
    rows = np.nonzero(mask.any(axis=1))[0]
    assert rows.mean() + 0.5 == pytest.approx(mask.shape[0] / 2, abs=1.5)


def test_the_palette_keeps_paper_white_and_inks_true() -> None:
    sheet = canvas.Canvas(100, 50)
    sheet.rectangle(canvas.Box(10, 10, 20, 20), fill=palette.BLUE)
    sheet.picture([[0.0, 1.0]], canvas.Box(50, 10, 20, 20), palette.signed_scale([-1.0, 1.0]))
    image = np.asarray(sheet.finished().convert("RGB"))
    assert image[0, 0].tolist() == list(palette.PAPER)
    assert image[40, 40].tolist() == list(palette.BLUE)
    assert np.abs(image[40, 130].astype(int) - palette.DIVERGING.table[-1]).max() <= 3


def test_many_marks_lie_as_if_each_had_been_laid_alone():
    generator = np.random.default_rng(0)
    xs, ys = generator.uniform(-4, 104, 3000), generator.uniform(-4, 54, 3000)
    xs[7], ys[9] = math.nan, math.inf
    together, alone = canvas.Canvas(100, 50), canvas.Canvas(100, 50)
    for sheet in (together, alone):
        sheet.rectangle(canvas.Box(10, 10, 30, 20), fill=palette.VERMILLION)
    together.markers(xs, ys, "disc", 4.5, palette.BLUE, opacity=0.3)
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        alone.marker(x, y, "disc", 4.5, palette.BLUE, opacity=0.3)
    assert together.finished().tobytes() == alone.finished().tobytes()
    assert together.finished().getpalette() == alone.finished().getpalette()


def test_the_stamp_that_is_warm_serves_every_sheet():
    stamping.warm()
    canvas.Canvas(9, 9).markers(np.arange(5.0), np.arange(5.0), "ring", 3, palette.BLUE, opacity=1)
    canvas.Canvas(300, 70).markers(np.arange(9.0), np.zeros(9), "disc", 8, palette.BLUE, opacity=0.5)
    assert len(stamping.stamp.signatures) == 1


def response_mosaics(shape: tuple[int, ...]) -> list[Mosaic]:
    """Where the maps before and after lie in the figure of one unit."""
    top = axes.HEADER + 12
    before = Mosaic.fitted(shape, axes.MARGIN, top, 270)
    return [before, Mosaic.fitted(shape, axes.MARGIN + before.width + 30, top, 270)]


def colour_at(image: NDArray[np.uint8], box: canvas.Box) -> list[int]:
    across, down = box.centre
    return image[round(canvas.SCALE * down), round(canvas.SCALE * across)].tolist()


def is_near(image: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(image.astype(int) - colour).max(axis=-1) <= 6)
