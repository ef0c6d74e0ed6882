"""Answers as they are asked for: JSON with or without pictures, a picture itself; seeds, pages, models."""

import base64
import hashlib
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors import numpy
from safetensors.torch import load

from models.digits import SIZES, Digits
from tests.contract.refusals import refusal

PNG = {"Accept": "image/png"}
TENSORS = "application/x-safetensors"
GRADIENT = {"pixels": [[(row + column) / 54 for column in range(28)] for row in range(28)]}
ANALYSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "/cnn/predict": ({"image": GRADIENT}, ["input", "probabilities"]),
    "/cnn/activations": ({"image": GRADIENT}, ["input", "l1", "l2", "l3", "l4", "y"]),
    "/lstm/task": ({"seed": 1}, ["trial"]),
    "/lstm/simulate": ({"seed": 1}, ["trial", "scatter"]),
    "/lstm/gates": ({"seed": 1}, ["gates", "aligned", "trial", "scatter"]),
    "/lstm/horizon": ({"seed": 1}, ["horizon"]),
    "/lstm/lesions": ({"seed": 1}, ["lesions"]),
    "/lstm/state-space": ({"seed": 1}, ["trajectories", "eigenvalues"]),
}
EVERY_ANALYSIS = pytest.mark.parametrize(
    ("path", "body", "names"), [(path, *each) for path, each in ANALYSES.items()], ids=ANALYSES
)
WITH_CHANCE = pytest.mark.parametrize("path", [path for path in ANALYSES if path.startswith("/lstm/")])


def metadata(body: bytes) -> dict[str, Any]:
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    return json.loads(header["__metadata__"]["answer"])


def field(value: Any, way: list[str]) -> Any:
    """What lies there in JSON; a list is gone through by a number, or for all its items at once."""
    if not way:
        return value
    if isinstance(value, dict):
        return field(value[way[0]], way[1:])
    return field(value[int(way[0])], way[1:]) if way[0].isdigit() else [field(each, way) for each in value]


def count(value: Any) -> int:
    """How many words, numbers and nulls there are."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image


@EVERY_ANALYSIS
def test_every_rendering_opens_has_the_size_told_and_words_for_those_who_cannot_see_it(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    renderings = client.post(path, json=body).json()["renderings"]
    assert [rendering["name"] for rendering in renderings] == names
    for rendering in renderings:
        assert rendering["media_type"] == "image/png"
        assert opened(base64.b64decode(rendering["data"])).size == (rendering["width"], rendering["height"])
        assert rendering["title"]
        assert len(rendering["alt"]) > len(rendering["title"])


@EVERY_ANALYSIS
def test_tensors_and_their_metadata_hold_every_number_of_the_json_once(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    response = client.post(path, json=body, headers={"Accept": TENSORS})
    assert response.headers["Content-Type"] == TENSORS
    tensors, rest = numpy.load(response.content), metadata(response.content)
    numbers = client.post(f"{path}?renderings=none", json=body).json()
    assert tensors
    assert rest.keys() <= numbers.keys()
    for name, tensor in tensors.items():
        assert np.array_equal(tensor, np.asarray(field(numbers, name.split(".")), tensor.dtype))
    assert sum(map(count, (*(tensor.tolist() for tensor in tensors.values()), rest))) == count(numbers)


@EVERY_ANALYSIS
def test_without_renderings_the_rest_of_the_answer_is_the_same(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    everything = client.post(path, json=body).json()
    numbers = client.post(f"{path}?renderings=none", json=body).json()
    assert numbers == {name: value for name, value in everything.items() if name != "renderings"}


@EVERY_ANALYSIS
def test_each_picture_itself_is_the_one_in_the_json(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    renderings = {each["name"]: each for each in client.post(path, json=body).json()["renderings"]}
    for name in names:
        picture = client.post(f"{path}?rendering={name}", json=body, headers=PNG)
        assert picture.headers["content-type"] == "image/png"
        assert picture.content == base64.b64decode(renderings[name]["data"])
    first = client.post(path, json=body, headers=PNG)
    assert first.content == base64.b64decode(renderings[names[0]]["data"])


@EVERY_ANALYSIS
def test_a_rendering_that_there_is_not_is_refused(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    response = client.post(f"{path}?rendering=nowhere", json=body, headers=PNG)
    problem = refusal(response, 406, "unknown-rendering")
    assert all(name in problem["detail"] for name in names)


@EVERY_ANALYSIS
def test_the_same_request_gives_the_same_bytes(
    client: httpx.Client, path: str, body: dict[str, Any], names: list[str]
) -> None:
    assert client.post(path, json=body).content == client.post(path, json=body).content


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/png, application/json;q=0.5", "image/png"),
        ("image/png;q=0.1, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "application/json"),
        ("*/*;q=0.1, image/png", "image/png"),
        ("application/json;q=0, */*", "image/png"),
    ],
)
def test_the_media_type_liked_best_is_answered(client: httpx.Client, accept: str, media_type: str) -> None:
    response = client.post("/lstm/task", json={"seed": 1}, headers={"Accept": accept})
    assert response.headers["content-type"] == media_type


def test_a_picture_has_a_strong_tag_and_is_not_sent_to_whoever_has_it(client: httpx.Client) -> None:
    first = client.post("/lstm/task", json={"seed": 1}, headers=PNG)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.post("/lstm/task", json={"seed": 1}, headers={**PNG, "If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for unknown in ('"other"', tag.strip('"'), ""):
        assert client.post("/lstm/task", json={"seed": 1}, headers={**PNG, "If-None-Match": unknown}).status_code == 200


def test_another_picture_has_another_tag(client: httpx.Client) -> None:
    tags = {client.post("/lstm/task", json={"seed": seed}, headers=PNG).headers["etag"] for seed in range(4)}
    assert len(tags) == 4


@WITH_CHANCE
def test_a_seed_left_out_is_drawn_and_told_and_gives_the_same_bytes_again(client: httpx.Client, path: str) -> None:
    first = client.post(path, json={})
    again = client.post(path, json={"seed": first.json()["seed"]})
    assert first.content == again.content
    assert client.post(path, json={}).json()["seed"] != first.json()["seed"]


@WITH_CHANCE
def test_another_seed_gives_another_answer(client: httpx.Client, path: str) -> None:
    answers = [client.post(f"{path}?renderings=none", json={"seed": seed}).json() for seed in (1, 2)]
    assert {**answers[0], "seed": 2} != answers[1]


def test_an_empty_body_is_as_good_as_an_empty_object(client: httpx.Client) -> None:
    assert client.post("/lstm/task").status_code == 200


def test_an_answer_names_the_model_that_made_it_as_the_catalogue_knows_it(client: httpx.Client) -> None:
    for path, family in (("/cnn/predict", "digit-net"), ("/lstm/simulate", "memory-lstm")):
        told = client.post(path, json=ANALYSES[path][0]).json()["model"]
        known = client.get(f"/models/{told['id']}").json()
        assert told == {name: known[name] for name in ("id", "family", "sha256")}
        assert told["family"] == family
        assert known["is_default"]


def test_another_model_gives_another_answer(client: httpx.Client) -> None:
    closed, opened = (
        client.post("/lstm/simulate", json={"model": model, "delay": 300, "n_repeat": 1, "seed": 1}).json()
        for model in ("memory-lstm", "memory-lstm-open")
    )
    assert closed["inputs"] == opened["inputs"]
    assert closed["predicted"] != opened["predicted"]
    assert closed["error"]["r2"] > opened["error"]["r2"]


def test_pages_of_digits_visit_each_index_of_a_label_once(client: httpx.Client, digits: Digits) -> None:
    visited: list[dict[str, Any]] = []
    query = {"split": "test", "label": 4, "limit": 256, "renderings": "none"}
    following: str | None = "0"
    while following is not None:
        page = client.get("/digits", params={**query, "cursor": following}).json()
        assert 0 < len(page["digits"]) <= 256
        visited += page["digits"]
        following = page["next"]
    indices = [digit["index"] for digit in visited]
    assert indices == (digits.split("test")[1] == 4).nonzero().ravel().tolist()
    assert {digit["label"] for digit in visited} == {4}


def test_the_last_page_of_digits_says_so(client: httpx.Client, digits: Digits) -> None:
    for split, size in SIZES.items():
        query = {"split": split, "limit": 1, "cursor": size - 1, "renderings": "none"}
        page = client.get("/digits", params=query).json()
        assert [digit["index"] for digit in page["digits"]] == [size - 1]
        assert page["next"] is None


def test_a_page_beyond_the_last_digit_is_empty_and_has_no_picture(client: httpx.Client, digits: Digits) -> None:
    assert client.get("/digits", params={"cursor": 60_000}).json() == {"digits": [], "next": None, "renderings": []}
    refusal(client.get("/digits", params={"cursor": 60_000}, headers=PNG), 406, "unknown-rendering")


def test_a_page_of_digits_has_a_sheet_and_a_digit_its_picture(client: httpx.Client, digits: Digits) -> None:
    for address, name in (("/digits?limit=256", "digits"), ("/digits/train/0", "input")):
        (rendering,) = client.get(address).json()["renderings"]
        assert rendering["name"] == name
        picture = client.get(address, headers=PNG)
        assert opened(picture.content).size == (rendering["width"], rendering["height"])
        tag = picture.headers["etag"]
        assert client.get(address, headers={**PNG, "If-None-Match": tag}).status_code == 304


def test_shipped_models_come_first_each_with_its_card(client: httpx.Client) -> None:
    models = client.get("/models").json()["models"]
    origins = [model["origin"] for model in models]
    assert origins == sorted(origins)  # shipped, then trained
    assert {"digit-net", "memory-lstm", "memory-lstm-open"} <= {model["id"] for model in models}
    for model in models:
        assert {"architecture", "training", "seed", "data", "scores", "sha256"} <= set(model["card"])
        assert model == client.get(f"/models/{model['id']}").json()


@pytest.mark.parametrize("family", ["digit-net", "memory-lstm"])
def test_one_model_of_each_family_is_its_default(client: httpx.Client, family: str) -> None:
    models = client.get("/models", params={"family": family}).json()["models"]
    assert {model["family"] for model in models} == {family}
    assert sum(model["is_default"] for model in models) == 1


def test_weights_are_safetensors_with_the_fingerprint_of_the_card(client: httpx.Client) -> None:
    for model in client.get("/models").json()["models"]:
        weights = client.get(f"/models/{model['id']}/weights")
        assert weights.headers["content-type"] == "application/octet-stream"
        assert f'"{model["id"]}.safetensors"' in weights.headers["content-disposition"]
        assert hashlib.sha256(weights.content).hexdigest() == model["sha256"] == model["card"]["sha256"]
        assert load(weights.content)
        tag = weights.headers["etag"]
        assert client.get(f"/models/{model['id']}/weights", headers={"If-None-Match": tag}).status_code == 304


def test_the_chosen_default_answers_until_another_one_is_chosen(client: httpx.Client) -> None:
    def answering() -> str:
        return client.post("/lstm/simulate?renderings=none", json={"seed": 1}).json()["model"]["id"]

    assert answering() == "memory-lstm"
    try:
        for _ in range(2):  # choosing it again changes nothing
            chosen = client.put("/models/memory-lstm/default", json={"model": "memory-lstm-open"}).json()
            assert (chosen["id"], chosen["is_default"]) == ("memory-lstm-open", True)
        assert answering() == "memory-lstm-open"
        assert not client.get("/models/memory-lstm").json()["is_default"]
    finally:
        client.put("/models/memory-lstm/default", json={"model": "memory-lstm"})
    assert answering() == "memory-lstm"
