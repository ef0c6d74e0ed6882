"""Tuning curves and receptive fields as a client has them: numbers, pictures, seeds, and what is refused."""

import base64
from typing import Any

import httpx
import pytest

from models.digits import Digits
from tests.contract.refusals import refusal

CURVE, FIELD = "/cnn/tuning-curve", "/cnn/receptive-field"
UNIT: dict[str, Any] = {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}}
BODIES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "orientation": (CURVE, {**UNIT, "stimulus": "orientation"}, ["curve", "stimuli"]),
    "position": (CURVE, {**UNIT, "stimulus": "position"}, ["curve", "stimuli"]),
    "field": (FIELD, {**UNIT, "samples": 512, "seed": 1}, ["field"]),
}


@pytest.mark.parametrize("name", BODIES)
def test_each_answers_with_its_model_and_its_pictures_and_the_same_bytes_twice(client: httpx.Client, name: str) -> None:
    path, body, names = BODIES[name]
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"]["family"] == "digit-net"
    pictures = {rendering["name"]: rendering for rendering in answer.json()["renderings"]}
    assert list(pictures) == names
    for picture in names:
        png = client.post(f"{path}?rendering={picture}", json=body, headers={"Accept": "image/png"})
        assert png.content == base64.b64decode(pictures[picture]["data"])
    assert client.post(path, json=body).content == answer.content


def test_both_look_at_the_same_field_of_the_same_unit(client: httpx.Client) -> None:
    curve, field = (
        client.post(f"{path}?renderings=none", json=body).json() for path, body, _ in list(BODIES.values())[1:]
    )
    assert (curve["layer"], curve["unit"], curve["label"]) == (field["layer"], field["unit"], field["label"])
    assert curve["field"] == {edge: field["theoretical"][edge] for edge in ("top", "bottom", "left", "right")}
    assert curve["held"]["spot_pixels"] == 1
    assert field["measured"] is not None


def test_a_seed_left_out_is_told_and_gives_the_same_bytes_again(client: httpx.Client, digits: Digits) -> None:
    for path, body in (
        (FIELD, {**UNIT, "samples": 512}),
        (CURVE, {**UNIT, "stimulus": "class", "per_class": 10}),
    ):
        drawn = client.post(f"{path}?renderings=none", json=body)
        again = client.post(f"{path}?renderings=none", json={**body, "seed": drawn.json()["seed"]})
        assert drawn.content == again.content


@pytest.mark.parametrize(
    ("path", "body", "slug", "pointer", "words"),
    [
        (CURVE, {**UNIT, "stimulus": "class", "values": [0, 1, 2, 3, 4, 5]}, "invalid-analysis", "/values", "leave"),
        (CURVE, {"layer": "l1", "unit": 0, "stimulus": "size"}, "invalid-analysis", "/stimulus", "l2 to y"),
        (CURVE, {**UNIT, "stimulus": "position", "spot_pixels": 9}, "invalid-analysis", "/spot_pixels", "at most 8"),
        (CURVE, {"layer": "y", "unit": 10, "stimulus": "contrast"}, "unknown-unit", "/unit", "0 to 9"),
        (CURVE, {**UNIT, "stimulus": "direction"}, "invalid-request", "/stimulus", "class"),
        (CURVE, {**UNIT, "stimulus": "contrast", "phases": 1000}, "invalid-request", "/phases", "32"),
        (FIELD, {**UNIT, "samples": 1e9}, "invalid-request", "/samples", "integer"),
        (FIELD, {**UNIT, "samples": 20_001}, "invalid-request", "/samples", "20000"),
        (FIELD, {"layer": "l2"}, "invalid-request", "/unit", "required"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    client: httpx.Client, path: str, body: dict[str, Any], slug: str, pointer: str, words: str
) -> None:
    problem = refusal(client.post(path, json=body), 422, slug)
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
