"""Analyses by address: for `<img src>`, for bookmarks, for caches."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from models.digits import Digits
from tests.contract.refusals import refusal

JSON = {"Accept": "application/json"}
BROWSERS = {
    "chrome": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "firefox": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "safari": "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
}
UNIT = {"layer": "l2", "unit": {"channel": 3, "row": 3, "column": 3}}
PLACE = "layer=l2&unit.channel=3&unit.row=3&unit.column=3"
SAMPLE = {"image": {"sample": {"split": "test", "index": 7}}}
# path: (address, the same as a body, a rendering)
ANALYSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "/cnn/predict": ("image.sample.split=test&image.sample.index=7", SAMPLE, "probabilities"),
    "/cnn/activations": (
        "image.sample.split=test&image.sample.index=7&layers=l1,y",
        {**SAMPLE, "layers": ["l1", "y"]},
        "y",
    ),
    "/cnn/census": ("layers=l4&samples=200&seed=1", {"layers": ["l4"], "samples": 200, "seed": 1}, "l4"),
    "/cnn/tuning-curve": (f"{PLACE}&stimulus=size&seed=1", {**UNIT, "stimulus": "size", "seed": 1}, "curve"),
    "/cnn/receptive-field": (f"{PLACE}&samples=512&seed=1", {**UNIT, "samples": 512, "seed": 1}, "field"),
    "/cnn/lesion": (
        "layer=l4&units=1,2&samples=200&seed=1",
        {"layer": "l4", "units": [1, 2], "samples": 200, "seed": 1},
        "accuracy",
    ),
    "/cnn/similarity": ("per_class=2&seed=1", {"per_class": 2, "seed": 1}, "matrices"),
    "/lstm/task": ("seed=1", {"seed": 1}, "trial"),
    "/lstm/simulate": ("delay=15&seed=1", {"delay": 15, "seed": 1}, "scatter"),
    "/lstm/gates": (
        "clamps.0.gate=input&clamps.0.value=0&seed=1",
        {"clamps": [{"gate": "input", "value": 0}], "seed": 1},
        "gates",
    ),
    "/lstm/horizon": (
        "models=memory-lstm,memory-lstm-open&delays=5,50&trials=16&seed=1",
        {"models": ["memory-lstm", "memory-lstm-open"], "delays": [5, 50], "trials": 16, "seed": 1},
        "horizon",
    ),
    "/lstm/lesions": ("delay=5&trials=64&seed=1", {"delay": 5, "trials": 64, "seed": 1}, "lesions"),
    "/lstm/state-space": ("delay=20&trials=2&seed=1", {"delay": 20, "trials": 2, "seed": 1}, "trajectories"),
}
EVERY_ANALYSIS = pytest.mark.parametrize(
    ("path", "query", "body", "rendering"), [(path, *each) for path, each in ANALYSES.items()], ids=ANALYSES
)


def bookmark(response: httpx.Response) -> str:
    """The address in the header Link."""
    address, _, relation = response.headers["link"].partition(";")
    assert relation.strip() == 'rel="bookmark"'
    return address.strip("<>")


@EVERY_ANALYSIS
def test_an_address_gives_what_the_body_would_and_the_bookmark_too(
    client: httpx.Client, digits: Digits, path: str, query: str, body: dict[str, Any], rendering: str
) -> None:
    posted = client.post(f"{path}?renderings=none", json=body)
    by_address = client.get(f"{path}?{query}&renderings=none")
    assert by_address.status_code == 200
    assert by_address.content == posted.content == client.get(bookmark(posted)).content
    assert bookmark(by_address) == bookmark(posted)


@EVERY_ANALYSIS
def test_an_address_gives_a_picture_to_an_img_and_nothing_to_whoever_has_it(
    client: httpx.Client, digits: Digits, path: str, query: str, body: dict[str, Any], rendering: str
) -> None:
    posted = client.post(f"{path}?rendering={rendering}", json=body, headers={"Accept": "image/png"})
    address = bookmark(posted)
    picture = client.get(address, headers={"Accept": BROWSERS["chrome"]})
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == posted.content
    assert picture.headers["cache-control"] == "max-age=86400"
    assert {"Accept", "Authorization"} <= set(picture.headers["vary"].split(", "))
    again = client.get(address, headers={"Accept": BROWSERS["chrome"], "If-None-Match": picture.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == picture.headers["etag"]


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        *((accept, "", "image/png") for accept in BROWSERS.values()),
        ("*/*", "", "application/json"),
        ("*/*", "&rendering=scatter", "image/png"),
        ("application/json", "&rendering=scatter", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "&rendering=scatter", "image/png"),
    ],
)
def test_a_named_rendering_means_the_picture_unless_the_numbers_are_wanted(
    client: httpx.Client, accept: str, query: str, media_type: str
) -> None:
    answer = client.get(f"/lstm/simulate?seed=1{query}", headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type


def test_an_address_without_a_seed_leads_to_one_that_has_it(client: httpx.Client) -> None:
    asked = "/lstm/simulate?delay=15&rendering=trial&access_token=somebody-s"
    led = client.get(asked)
    assert (led.status_code, led.headers["cache-control"], led.content) == (307, "no-store", b"")
    assert led.headers["cross-origin-resource-policy"] == "cross-origin"
    parameters = parse_qs(urlsplit(led.headers["location"]).query)
    assert {"delay": ["15"], "rendering": ["trial"], "access_token": ["somebody-s"]}.items() <= parameters.items()
    picture = client.get(led.headers["location"])
    assert picture.headers["content-type"] == "image/png"
    assert "private" in picture.headers["cache-control"]
    assert f"seed={parameters['seed'][0]}" in bookmark(picture)
    assert "access_token" not in bookmark(picture)
    assert client.get(asked).headers["location"] != led.headers["location"]


def test_an_address_that_names_no_weights_follows_the_default_and_is_asked_again(client: httpx.Client) -> None:
    address = "/lstm/simulate?delay=300&n_repeat=1&seed=1&rendering=scatter"
    before = client.get(address)
    assert before.headers["cache-control"] == "no-cache"
    fixed = bookmark(before)
    try:
        client.put("/models/memory-lstm/default", json={"model": "memory-lstm-open"})
        after = client.get(address, headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.content != before.content
        assert client.get(fixed).content == before.content
    finally:
        client.put("/models/memory-lstm/default", json={"model": "memory-lstm"})
    assert client.get(address, headers={"If-None-Match": before.headers["etag"]}).status_code == 304


def test_an_address_held_to_weights_that_the_model_has_no_more_is_refused(client: httpx.Client) -> None:
    sha256 = client.get("/models/memory-lstm").json()["sha256"]
    for pin in (sha256, sha256[:8]):
        assert client.get(f"/lstm/simulate?model=memory-lstm@{pin}&seed=1&renderings=none").status_code == 200
    other = "0" * 12
    problem = refusal(client.get(f"/lstm/simulate?model=memory-lstm@{other}&seed=1"), 404, "unknown-model")
    assert problem["errors"][0]["pointer"] == "/model"
    for pin in ("", sha256[:7], "x" * 12, sha256.upper()):
        refusal(client.get("/lstm/simulate", params={"model": f"memory-lstm@{pin}", "seed": 1}), 422, "invalid-request")
    refusal(client.get("/lstm/simulate?model=digit-net&seed=1"), 422, "wrong-family")


def test_what_is_wrong_with_an_address_is_told_by_parameter(client: httpx.Client) -> None:
    problem = refusal(client.get("/lstm/simulate?seq_len=0&seed=1"), 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == ["/seq_len"]
    problem = refusal(client.get("/cnn/tuning-curve?layer=y&unit=10&stimulus=class&seed=1"), 422, "unknown-unit")
    assert [error["pointer"] for error in problem["errors"]] == ["/unit"]
    refusal(client.get("/lstm/simulate?seed=1&rendering=nowhere"), 406, "unknown-rendering")


def test_a_request_too_long_for_an_address_has_no_bookmark(client: httpx.Client) -> None:
    pixels = [[(row + column) / 54 for column in range(28)] for row in range(28)]
    assert "link" not in client.post("/cnn/predict?renderings=none", json={"image": {"pixels": pixels}}).headers


@pytest.mark.parametrize(
    "address",
    ["/lstm/task?seed=1&rendering=trial", "/lstm/task", "/digits/test/7", "/models", "/docs", "/nowhere", "/livez"],
)
def test_head_tells_what_get_would_without_the_body(client: httpx.Client, digits: Digits, address: str) -> None:
    got, head = client.get(address), client.head(address)
    assert (head.status_code, head.content) == (got.status_code, b"")
    changing = {"date", "location", "x-request-id"}
    if got.status_code == 404:  # its document has the request's id
        changing |= {"content-length"}
    assert {name: value for name, value in head.headers.items() if name not in changing} == {
        name: value for name, value in got.headers.items() if name not in changing
    }


def test_a_job_s_picture_is_an_img_too_and_gone_with_its_job(client: httpx.Client) -> None:
    body = {"layer": "y", "unit": 3, "starts": 2, "steps": 5, "seed": 1}
    job = client.post("/cnn/tune?renderings=none", json=body, headers={"Prefer": "wait=60"}).json()
    address = f"/jobs/{job['id']}/result?rendering=trace"
    pictures = [client.get(address, headers={"Accept": accept}) for accept in ("*/*", *BROWSERS.values())]
    assert {picture.headers["content-type"] for picture in pictures} == {"image/png"}
    (picture, *_) = pictures
    tag = {"If-None-Match": picture.headers["etag"]}
    assert client.get(address, headers=tag).status_code == 304
    assert client.get(address.replace("trace", "stimulus"), headers=tag).status_code == 200
    client.delete(f"/jobs/{job['id']}")
    refusal(client.get(address, headers=tag), 404, "unknown-job")


def test_digits_are_pictures_for_an_img(client: httpx.Client, digits: Digits) -> None:
    for address in ("/digits/test/7", "/digits?label=4&limit=3"):
        picture = client.get(address, headers={"Accept": BROWSERS["firefox"]})
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
        tag = picture.headers["etag"]
        again = client.get(address, headers={"Accept": BROWSERS["firefox"], "If-None-Match": tag})
        assert again.status_code == 304
