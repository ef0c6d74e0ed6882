"""MNIST, a digit or a page of digits at a time."""

import numpy as np

from models.errors import UnknownDigit
from service.lab import Lab
from service.operations.answered import Answered
from service.rendering.digits import input_image, input_sheet


def page(lab: Lab, split: str, label: int | None, limit: int, first: int) -> Answered:
    """Digits from index `first` on, at most `limit` of them, of one label or of all."""
    digits = lab.digits()
    _, labels = digits.split(split)
    chosen = np.arange(len(labels)) if label is None else np.flatnonzero(labels.numpy() == label)
    chosen = chosen[chosen >= first][: limit + 1].tolist()
    shown = chosen[:limit]
    rows = [{"split": split, "index": index, "label": int(labels[index])} for index in shown]
    result = {"digits": rows, "next": str(chosen[limit]) if len(chosen) > limit else None}
    if not shown:
        return Answered(result, lambda: [])
    captions = [f"{row['index']}: {row['label']}" for row in rows]
    pixels = [digits.image(split, index) for index in shown]
    return Answered(result, lambda: [input_sheet(pixels, captions, name="digits", title=f"MNIST, {split} digits")])


def one(lab: Lab, split: str, index: int) -> Answered:
    """A digit with its pixels.

    Raises:
        UnknownDigit: The split has no such index.
    """
    digits = lab.digits()
    try:
        pixels, label = digits.image(split, index), digits.label(split, index)
    except UnknownDigit as error:
        error.pointer = "/index"
        raise
    result = {"split": split, "index": index, "label": label, "pixels": pixels.tolist()}
    return Answered(result, lambda: [input_image(pixels, f"{split} digit {index}, a {label}")])
