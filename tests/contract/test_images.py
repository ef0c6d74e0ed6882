"""One image in every form it may come in: the same stimulus, the same numbers."""

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from models.digits import Digits
from tests.contract.refusals import refusal

INDEX = 7
PREDICT, ACTIVATIONS = "/cnn/predict?renderings=none", "/cnn/activations?renderings=none"
SHAPES = {"l1": (6, 14, 14), "l2": (16, 7, 7), "l3": (120,), "l4": (84,), "y": (10,)}


@pytest.fixture(scope="module")
def sample(digits: Digits) -> dict[str, Any]:
    return {"sample": {"split": "test", "index": INDEX}}


@pytest.fixture(scope="module")
def pixels(digits: Digits) -> dict[str, Any]:
    return {"pixels": digits.image("test", INDEX).tolist()}


@pytest.fixture(scope="module")
def png(digits: Digits) -> bytes:
    """The digit as a PNG of 28x28, ink light on dark as MNIST keeps it."""
    return encoded(digits.split("test")[0][INDEX].numpy(), "PNG")


def encoded(levels: np.ndarray[Any, Any], file_format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, file_format)
    return file.getvalue()


def answered(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return response.json()


def predicted(response: httpx.Response) -> dict[str, Any]:
    (prediction,) = answered(response)["predictions"]
    return prediction


def without_true_label(prediction: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in prediction.items() if name != "true_label"}


def test_a_sample_and_its_own_pixels_give_exactly_the_same_numbers(
    client: httpx.Client, sample: dict[str, Any], pixels: dict[str, Any]
) -> None:
    of_sample = predicted(client.post(PREDICT, json={"image": sample}))
    of_pixels = predicted(client.post(PREDICT, json={"image": pixels}))
    assert without_true_label(of_sample) == without_true_label(of_pixels)


def test_the_pixels_of_the_digits_endpoint_are_those_the_network_sees(
    client: httpx.Client, sample: dict[str, Any]
) -> None:
    shown = answered(client.get(f"/digits/test/{INDEX}?renderings=none"))
    of_shown = predicted(client.post(PREDICT, json={"image": {"pixels": shown["pixels"]}}))
    of_sample = predicted(client.post(PREDICT, json={"image": sample}))
    assert of_shown["logits"] == of_sample["logits"]


def test_the_true_label_is_told_apart_from_the_prediction_and_only_where_it_is_known(
    client: httpx.Client, digits: Digits, sample: dict[str, Any], pixels: dict[str, Any]
) -> None:
    assert predicted(client.post(PREDICT, json={"image": sample}))["true_label"] == digits.label("test", INDEX)
    assert predicted(client.post(PREDICT, json={"image": pixels}))["true_label"] is None


def test_a_misread_digit_shows_both_its_labels(client: httpx.Client, digits: Digits) -> None:
    images = [{"sample": {"split": "test", "index": index}} for index in range(256)]
    predictions = answered(client.post(PREDICT, json={"images": images}))["predictions"]
    assert [each["true_label"] for each in predictions] == digits.split("test")[1][:256].tolist()
    misread = [each for each in predictions if each["label"] != each["true_label"]]
    assert 0 < len(misread) < 64


def test_a_prediction_is_the_largest_of_probabilities_that_sum_to_one(
    client: httpx.Client, sample: dict[str, Any]
) -> None:
    prediction = predicted(client.post(PREDICT, json={"image": sample}))
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-12)
    assert prediction["label"] == int(np.argmax(prediction["logits"]))
    assert prediction["probability"] == max(prediction["probabilities"])
    logits = np.array(prediction["logits"])
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert prediction["probabilities"] == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("preprocess", ["none", "mnist"])
def test_a_raw_body_base64_and_a_form_give_exactly_the_same_numbers(
    client: httpx.Client, png: bytes, preprocess: str
) -> None:
    address = f"{PREDICT}&preprocess={preprocess}"
    data = {"data": base64.b64encode(png).decode(), "preprocess": preprocess}
    answers = [
        client.post(address, content=png, headers={"Content-Type": "image/png"}),
        client.post(address, files={"file": ("digit.png", png, "image/png")}),
        client.post(PREDICT, json={"image": data}),
    ]
    assert predicted(answers[0]) == predicted(answers[1]) == predicted(answers[2])


def test_a_png_of_the_digit_without_preprocessing_is_the_digit(
    client: httpx.Client, png: bytes, sample: dict[str, Any]
) -> None:
    response = client.post(f"{PREDICT}&preprocess=none", content=png, headers={"Content-Type": "image/png"})
    of_sample = predicted(client.post(PREDICT, json={"image": sample}))
    assert predicted(response)["label"] == of_sample["label"]
    assert predicted(response)["logits"] == pytest.approx(of_sample["logits"], abs=1e-4)


@pytest.mark.parametrize(("file_format", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_large_picture_of_dark_ink_on_light_paper_off_its_centre_is_read(
    client: httpx.Client, digits: Digits, file_format: str, media_type: str
) -> None:
    right = 0
    for index in range(20):
        ink = np.kron(digits.split("test")[0][index].numpy(), np.ones((8, 8), dtype=np.uint8))
        paper = np.full((420, 360), 245, dtype=np.uint8)
        paper[150:374, 100:324] -= (ink * (200 / 255)).astype(np.uint8)
        response = client.post(PREDICT, content=encoded(paper, file_format), headers={"Content-Type": media_type})
        right += predicted(response)["label"] == digits.label("test", index)
    assert right >= 17


def test_options_of_a_raw_body_are_query_parameters(client: httpx.Client, png: bytes, sample: dict[str, Any]) -> None:
    raw = client.post(
        f"{ACTIVATIONS}&preprocess=none&model=digit-net&drive=true&layers=l1,y",
        content=png,
        headers={"Content-Type": "image/png"},
    )
    body = {"image": sample, "model": "digit-net", "drive": True, "layers": ["l1", "y"]}
    as_json = answered(client.post(ACTIVATIONS, json=body))
    assert [each["name"] for each in answered(raw)["layers"]] == ["l1", "y"]
    for one, other in zip(raw.json()["layers"], as_json["layers"], strict=True):
        assert np.array(one["drive"]) == pytest.approx(np.array(other["drive"]), abs=1e-4)


def test_options_of_a_raw_body_are_held_to_the_same_contract(client: httpx.Client, png: bytes) -> None:
    for query, pointer in (("layers=l1,l9", "/layers/1"), ("drive=perhaps", "/drive"), ("model=A", "/model")):
        response = client.post(f"{ACTIVATIONS}&{query}", content=png, headers={"Content-Type": "image/png"})
        assert refusal(response, 422, "invalid-request")["errors"][0]["pointer"] == pointer


def test_256_images_are_answered_in_their_order_as_if_each_were_alone(client: httpx.Client, digits: Digits) -> None:
    images = [{"pixels": digits.image("train", index).tolist()} for index in range(256)]
    many = answered(client.post(PREDICT, json={"images": images}))["predictions"]
    assert len(many) == 256
    for index in (0, 100, 255):
        assert many[index] == predicted(client.post(PREDICT, json={"image": images[index]}))


def test_the_logits_of_predict_are_exactly_the_values_of_the_last_layer(
    client: httpx.Client, sample: dict[str, Any], pixels: dict[str, Any]
) -> None:
    for image in (sample, pixels):
        recorded = answered(client.post(ACTIVATIONS, json={"image": image}))
        prediction = predicted(client.post(PREDICT, json={"image": image}))
        assert recorded["prediction"] == prediction
        assert recorded["layers"][-1]["name"] == "y"
        assert recorded["layers"][-1]["values"] == prediction["logits"]


def test_the_layers_asked_for_come_in_their_order_with_the_same_values_as_all_together(
    client: httpx.Client, sample: dict[str, Any]
) -> None:
    everything = {each["name"]: each for each in answered(client.post(ACTIVATIONS, json={"image": sample}))["layers"]}
    assert list(everything) == list(SHAPES)
    for name, shape in SHAPES.items():
        assert everything[name]["shape"] == list(shape) == list(np.shape(everything[name]["values"]))
    some = answered(client.post(ACTIVATIONS, json={"image": sample, "layers": ["l4", "l1"]}))["layers"]
    assert some == [everything["l1"], everything["l4"]]


def test_activity_is_the_drive_above_zero_and_its_summary_fits(client: httpx.Client, sample: dict[str, Any]) -> None:
    layers = answered(client.post(ACTIVATIONS, json={"image": sample, "drive": True}))["layers"]
    for layer in layers:
        values, drive = np.array(layer["values"]), np.array(layer["drive"])
        assert np.array_equal(values, drive if layer["name"] == "y" else np.maximum(drive, 0))
        assert (layer["minimum"], layer["maximum"]) == (values.min(), values.max())
        assert layer["mean"] == pytest.approx(values.mean())
        assert layer["active_fraction"] == pytest.approx((values > 0).mean())
        top = layer["top_units"][0]
        assert values.ravel()[top["unit"]] == top["value"] == values.max()
