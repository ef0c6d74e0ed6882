"""Words and numbers on a picture, in Pillow's bundled typeface.

The typeface lacks some signs that science needs, so these are drawn here: minus, times, arrow and raised digits.
"""

import math
import re
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
ARROW = "→"
SQUARED = "²"

_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789" + MINUS, strict=True))
_RAISED_SIZE = 0.68
_RAISED_BY = 0.34
_STROKE = 0.075
_DRAWN = re.compile(f"([{MINUS}{TIMES}{DASH}{ARROW}≥≤]|[{''.join(_RAISED)}]+)")

# advance and strokes of each drawn sign, in ems from the baseline upwards
_SIGNS: dict[str, tuple[float, list[list[tuple[float, float]]]]] = {
    MINUS: (0.56, [[(0.07, 0.34), (0.49, 0.34)]]),
    DASH: (0.56, [[(0.03, 0.27), (0.53, 0.27)]]),
    TIMES: (0.56, [[(0.11, 0.17), (0.45, 0.51)], [(0.11, 0.51), (0.45, 0.17)]]),
    ARROW: (0.94, [[(0.08, 0.33), (0.84, 0.33)], [(0.62, 0.53), (0.84, 0.33), (0.62, 0.13)]]),
    "≥": (0.58, [[(0.1, 0.62), (0.48, 0.4), (0.1, 0.18)], [(0.1, 0.03), (0.48, 0.03)]]),
    "≤": (0.58, [[(0.48, 0.62), (0.1, 0.4), (0.48, 0.18)], [(0.1, 0.03), (0.48, 0.03)]]),
}


def lettered(text: str, size: int) -> Image.Image:
    """`text` as a mask `size` pixels to the em, its capitals centred from top to bottom."""
    ascent, descent, capital = _metrics(size)
    mask = Image.new("L", (max(1, math.ceil(text_width(text, size)) + 2), ascent + descent))
    pen = 0.0
    for run in _runs(text):
        pen += _write(mask, pen, ascent, run, size)
    middle = ascent - capital / 2
    reach = math.ceil(max(middle, mask.height - middle))
    centred = Image.new("L", (mask.width, 2 * reach))
    centred.paste(mask, (0, reach - round(middle)))
    return centred


@lru_cache(maxsize=2048)
def text_width(text: str, size: int) -> float:
    """How many pixels `text` advances when there are `size` to the em."""
    return sum(_advance(run, size) for run in _runs(text))


def shortened(text: str, size: int, width: float) -> str:
    """`text`, cut with an ellipsis where it is wider than `width` pixels."""
    text = " ".join(text.split())
    if text_width(text, size) <= width:
        return text
    kept = len(text)
    while kept and text_width(text[:kept].rstrip() + "…", size) > width:
        kept -= 1
    return text[:kept].rstrip() + "…" if kept else ""


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: about `digits` significant digits, a true minus, powers of ten only where needed."""
    if value is None or not math.isfinite(value):
        return "none"
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_plain(mantissa)}{TIMES}{power_of_ten(int(exponent))}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace("-", MINUS)
    return _plain(f"{value:,.{digits - 1 - math.floor(math.log10(abs(value)))}f}")


def signed(value: float, digits: int = 3) -> str:
    """A number that always shows its sign, but for 0."""
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def power_of_ten(exponent: int) -> str:
    """Ten with a raised exponent."""
    return "10" + "".join(
        next(raised for raised, plain in _RAISED.items() if plain == sign) for sign in _ascii(exponent)
    )


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _ascii(exponent: int) -> str:
    return str(exponent).replace("-", MINUS)


def _plain(text: str) -> str:
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


@lru_cache(maxsize=64)
def _typeface(size: int) -> ImageFont.FreeTypeFont:
    typeface = ImageFont.load_default(size)
    if not isinstance(typeface, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, so its scalable typeface is missing; use a usual build.")
    return typeface


@lru_cache(maxsize=64)
def _metrics(size: int) -> tuple[int, int, float]:
    """Ascent, descent and height of a capital in pixels."""
    typeface = _typeface(size)
    ascent, descent = typeface.getmetrics()
    return ascent, descent, -typeface.getbbox("H", anchor="ls")[1]


def _runs(text: str) -> list[str]:
    return [run for run in _DRAWN.split(text) if run]


def _advance(run: str, size: int) -> float:
    if run in _SIGNS:
        return _SIGNS[run][0] * size
    if run[0] in _RAISED:
        return text_width("".join(map(_RAISED.__getitem__, run)), round(_RAISED_SIZE * size))
    return _typeface(size).getlength(run)


def _write(mask: Image.Image, pen: float, baseline: float, run: str, size: int) -> float:
    """Writes one run from `pen` on and returns how far the pen moved."""
    if run in _SIGNS:
        _draw_sign(mask, pen, baseline, run, size)
    elif run[0] in _RAISED:
        small, raised = round(_RAISED_SIZE * size), baseline - round(_RAISED_BY * size)
        for part in _runs("".join(map(_RAISED.__getitem__, run))):
            pen += _write(mask, pen, raised, part, small)
    else:
        ImageDraw.Draw(mask).text((pen, baseline), run, fill=255, font=_typeface(size), anchor="ls")
    return _advance(run, size)


def _draw_sign(mask: Image.Image, pen: float, baseline: float, sign: str, size: int) -> None:
    """Strokes of one sign, drawn four times as large and reduced."""
    advance, strokes = _SIGNS[sign]
    enlarged = Image.new("L", (4 * math.ceil(advance * size), 4 * size))
    draw = ImageDraw.Draw(enlarged)
    for stroke in strokes:
        points = [(4 * size * x, 4 * size * (0.9 - y)) for x, y in stroke]
        draw.line(points, fill=255, width=max(4, round(4 * _STROKE * size)), joint="curve")
    glyph = enlarged.reduce(4)
    mask.paste(255, (round(pen), round(baseline - 0.9 * size)), glyph)
