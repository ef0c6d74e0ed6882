"""What a comparison of units comes to, in sentences that follow from its numbers."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from models.analysis.tuning_report import SAMPLES

_PAIRS_TOLD = 3


def sentences(result: Mapping[str, Any]) -> list[str]:
    """What the numbers say, in words."""
    return [
        *map(_about_retraining, result["retraining"]),
        *_about_development(result["development"], result["subjects"]),
        *_about_fields(result["subjects"]),
        *_about_pairs(result),
    ]


def _about_retraining(retraining: Mapping[str, Any]) -> str:
    trained = (
        f"Nothing is stored of a training on its way, so {retraining['model']} was trained again from its seed "
        f"{retraining['seed']}, for {retraining['steps'][-1]} of its {retraining['steps_of_the_model']} steps."
    )
    match retraining["repeats_the_model"]:
        case True:
            return f"{trained} After the last step it has the model's own weights, bit for bit."
        case False:
            return (
                f"{trained} It ends with weights that are not the model's own: this machine rounds otherwise than the "
                "one that trained the model, so the steps are those of a twin with the same beginning and the same "
                "digits."
            )
    return f"{trained} Whether it comes to the model's own weights shows when the last step is among the subjects."


def _about_development(
    development: Sequence[Mapping[str, Any]] | None, subjects: Sequence[Mapping[str, Any]]
) -> list[str]:
    if development is None:
        return []
    first, last = development[0], development[-1]
    told = (
        f"From step {first['step']} to step {last['step']} the drive of {subjects[0]['label']} for its own image goes "
        f"from {first['drive']:.3g} to {last['drive']:.3g}"
    )
    if first["image_correlation"] is not None:
        told += f", and its first image correlates {first['image_correlation']:.2f} with its last"
    if first["accuracy"] is not None:
        told += f"; of the test digits the network tells {first['accuracy']:.1%} and then {last['accuracy']:.1%} right"
    return [f"{told}."]


def _about_fields(subjects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the ink is and how fine, for the first unit of each of several layers."""
    first_of_layer = {subject["layer"]: subject for subject in reversed(subjects)}
    if len(first_of_layer) == 1:
        return []
    return [
        f"{subject['name']} sees {_field_told(subject)}; {_ink_told(subject)}."
        for subject in subjects
        if subject is first_of_layer[subject["layer"]]
    ]


def _field_told(subject: Mapping[str, Any]) -> str:
    box = subject["receptive_field"]
    return f"{box['bottom'] - box['top']}×{box['right'] - box['left']} pixels"


def _ink_told(subject: Mapping[str, Any]) -> str:
    box, centroid = subject["extent"]["box"], subject["spectrum"]["centroid"]
    if box is None or centroid is None:
        return "its image is blank"
    return (
        f"its image inks {subject['extent']['inked_fraction']:.1%} of all pixels, rows {box['top']}–"
        f"{box['bottom'] - 1} and columns {box['left']}–{box['right'] - 1}, and its spectrum is centred on "
        f"{centroid:.1f} cycles per image"
    )


def _about_pairs(result: Mapping[str, Any]) -> list[str]:
    """Every pair where there are few subjects, else the most and the least alike; none for one unit over time."""
    if result["development"] is not None:
        return []
    pairs = list(combinations(range(len(result["subjects"])), 2))
    if len(pairs) <= _PAIRS_TOLD:
        return [_pair_told(result, *pair) for pair in pairs]
    alike = result["response_correlation"] or result["image_correlation"]
    known = sorted(
        (pair for pair in pairs if alike[pair[0]][pair[1]] is not None), key=lambda pair: alike[pair[0]][pair[1]]
    )
    ends = {"Most alike": known[-1], "Least alike": known[0]} if known else {}
    return [f"{words} of all pairs: {_pair_told(result, *pair)}" for words, pair in ends.items()]


def _pair_told(result: Mapping[str, Any], one: int, other: int) -> str:
    names, cross = [subject["name"] for subject in result["subjects"]], result["cross_drive"]
    directions = [
        f"image of {names[image]} drives {names[unit]} to {cross[image][unit]:.3g}, where its own image reaches "
        f"{cross[unit][unit]:.3g}"
        for image, unit in ((one, other), (other, one))
    ]
    return f"The {'; the '.join(directions)}.{_likeness_told(result, one, other)}"


def _likeness_told(result: Mapping[str, Any], one: int, other: int) -> str:
    if result["response_correlation"] is None or result["response_correlation"][one][other] is None:
        return ""
    correlation = result["response_correlation"][one][other]
    told = f" Over {SAMPLES:,} test digits their drives correlate {correlation:.2f}"
    if result["subjects"][one]["label"] != result["subjects"][other]["label"]:
        return f"{told}."
    return (
        f"{told}: one number in two networks need not be one cell, and here either drive tells {correlation**2:.0%} of "
        "the other's variance."
    )
