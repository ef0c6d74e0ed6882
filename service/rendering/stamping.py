"""One mark on many places, compiled: a scatter of 100,000 reports has too many for Python's loop."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from service.rendering.paintbox import LEVELS, UNKNOWN


@njit(cache=True, nogil=True)
def stamp(
    dots: NDArray[np.uint8],
    levels: NDArray[np.uint8],
    lefts: NDArray[np.int64],
    tops: NDArray[np.int64],
    table: NDArray[np.uint8],
    start: int,
) -> int:
    """Lays a mark on place after place, from `start` on, as far as that is a matter of looking up.

    Args:
        dots: (row, column), the sheet.
        levels: (row, column), the mark.
        lefts: (place), the column of its left edge.
        tops: (place), the row of its upper edge.
        table: `PaintBox.table`.
        start: The first place.

    Returns:
        The first place where the mark reaches beyond the sheet or makes a mixture that is not known yet, as it was; the
        number of places when all are done.
    """
    height, width = levels.shape
    for place in range(start, len(lefts)):
        left, top = lefts[place], tops[place]
        if left < 0 or top < 0 or left + width > dots.shape[1] or top + height > dots.shape[0]:
            return place
        under = dots[top : top + height, left : left + width]
        for row in range(height):
            for column in range(width):
                if table[under[row, column], levels[row, column]] == UNKNOWN:
                    return place
        for row in range(height):
            for column in range(width):
                under[row, column] = table[under[row, column], levels[row, column]]
    return len(lefts)


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    sheet, nowhere = np.zeros((1, 1), np.uint8), np.empty(0, np.int64)
    stamp(sheet, sheet, nowhere, nowhere, np.zeros((1, LEVELS), np.uint8), 0)
