"""What the memory network loses when a gate is held: the whole table as two heat maps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, begun, colour_bar
from service.rendering.canvas import Box, Canvas
from service.rendering.lettering import MINUS, counted, number
from service.rendering.palette import BLUES, DIVERGING, MUTED, QUIET, ColourScale, text_on
from service.rendering.rendering import Rendering

WINDOWS = {"always": "always", "encode": "memorize", "delay": "delay", "report": "report"}
EFFECTS = {
    "harmless": "no harm",
    "leaks": "leaks",
    "mixes": "mixed up",
    "distorts": "distorted",
    "silences": "silent",
    "destroys": "destroyed",
}
TOP = HEADER + 48.0
ROW = 38.0
GROUP_GAP = 10.0
R2_CELL = 76.0
LEAK_CELL = 54.0
LABELS = 134.0

Lesion = Mapping[str, Any]


def lesions(found: Mapping[str, Any]) -> Rendering:
    """R² and leak of every lesion, beside the intact network's.

    Args:
        found: `delay_ms`, `trials`, `n_repeat`; `intact` with `r2`, `leak_rms` and `chance_rmse`; `lesions`, for each
            `gate`, `value` and `window` in this order, the same and an `effect`; and `roles`, a sentence for each gate.
    """
    intact = found["intact"]
    title = "What it does to hold a gate"
    subtitle = f"delay {number(float(found['delay_ms']), 4)} ms, {counted(found['trials'], 'trial')} of "
    subtitle += (
        f"{counted(found['n_repeat'], 'sequence')}; each gate held at 0 (shut) to 1 (open), always or in one window"
    )
    alt = (
        "Two tables, of R² of the reports and of the leak between them, for each gate and value by window. Intact, R² "
    )
    alt += f"is {number(intact['r2'])} and the leak {number(intact['leak_rms'])}. {' '.join(found['roles'].values())}"
    return Rendering("lesions", title, alt, lambda: _draw(found, title, subtitle))


@dataclass(frozen=True)
class _HeatMap:
    """One figure of all lesions: where it lies, below the line for its windows, and what its colours mean."""

    figure: str
    label: str
    box: Box
    scale: ColourScale

    def cell(self, place: int, top: float) -> Box:
        """That of the window at this place, in the row that begins at `top`."""
        width = self.box.width / len(WINDOWS)
        return Box(self.box.left + place * width, top, width, ROW)


def _draw(found: Mapping[str, Any], title: str, subtitle: str) -> Image.Image:
    rows = list(_rows(found["lesions"]))
    bottom = rows[-1][0] + ROW
    canvas = begun(title, subtitle, COLUMN, bottom + 62)
    intact = found["intact"]
    most = max(each["leak_rms"] for each in (intact, *found["lesions"]))
    r2 = Box(MARGIN + LABELS, TOP, R2_CELL * len(WINDOWS), bottom - TOP)
    leak = Box(COLUMN - MARGIN - LEAK_CELL * len(WINDOWS), TOP, LEAK_CELL * len(WINDOWS), bottom - TOP)
    maps = [
        _HeatMap("r2", "R² of the reports (0: chance)", r2, ColourScale(DIVERGING, -1.0, 1.0)),
        _HeatMap(
            "leak_rms", "leak between reports (rms)", leak, ColourScale(BLUES, 0.0, max(most, intact["chance_rmse"]))
        ),
    ]
    canvas.text(MARGIN, TOP + ROW / 2, "intact")
    for top, lesioned in rows:
        canvas.text(MARGIN, top + ROW / 2, f"{lesioned[0]['gate']} gate")
        canvas.text(MARGIN + LABELS - 12, top + ROW / 2, f"at {number(lesioned[0]['value'])}", align="right")
    for each in maps:
        _draw_frame(canvas, each)
        _draw_cell(canvas, Box(each.box.left, TOP, each.box.width, ROW), intact, each)
        for top, lesioned in rows:
            for place, lesion in enumerate(lesioned):
                _draw_cell(canvas, each.cell(place, top), lesion, each)
    return canvas.finished()


def _rows(lesions: Sequence[Lesion]) -> Iterator[tuple[float, list[Lesion]]]:
    """Where each row begins, and its lesions, one for each window; a gap before each gate."""
    top, latest = TOP, None
    for (gate, _), row in groupby(lesions, key=lambda lesion: (lesion["gate"], lesion["value"])):
        top += ROW if gate == latest else ROW + GROUP_GAP
        latest = gate
        yield top, list(row)


def _draw_frame(canvas: Canvas, heat_map: _HeatMap) -> None:
    box = heat_map.box
    canvas.text(box.left, box.top - 34, heat_map.label, colour=MUTED)
    for place, window in enumerate(WINDOWS.values()):
        middle, _ = heat_map.cell(place, box.top).centre
        canvas.text(middle, box.top - 12, window, size=SMALL, colour=MUTED, align="middle")
    colour_bar(canvas, Box(box.left, box.bottom + 22, box.width, 10), heat_map.scale, "", {-1.0: f"{MINUS}1 or less"})


def _draw_cell(canvas: Canvas, box: Box, lesion: Lesion, heat_map: _HeatMap) -> None:
    """The figure on its colour and, below an R², the effect in a word."""
    value = lesion[heat_map.figure]
    canvas.picture([[value]], box, heat_map.scale)
    canvas.rectangle(box, outline=QUIET)
    ink = text_on(heat_map.scale.colours(value))
    across, middle = box.centre
    has_effect = heat_map.figure == "r2" and "effect" in lesion
    canvas.text(across, middle - (7 if has_effect else 0), _two_decimals(value), colour=ink, align="middle")
    if has_effect:
        canvas.text(across, middle + 8, EFFECTS[lesion["effect"]], size=SMALL, colour=ink, align="middle")


def _two_decimals(value: float) -> str:
    return (f"{value:z.2f}" if abs(value) < 10 else f"{value:.1f}").replace("-", MINUS)
