"""The lab page as a browser fetches it: all from here, light, and nothing that the content security policy refuses."""

import re
from pathlib import Path

import httpx
import pytest

from service.routes.pages import PANELS

PAGE = Path(__file__).parents[2] / "service" / "web" / "page"
BYTES_AT_MOST = 150_000
SVG_NAMESPACE = "http://www.w3.org"  # a name, which nobody fetches


def test_the_page_is_at_the_front_and_each_panel_alone(client: httpx.Client) -> None:
    front = client.get("/")
    assert front.headers["content-type"].startswith("text/html")
    for panel in PANELS:
        assert client.get(f"/embed/{panel}").text == front.text


def test_an_unknown_panel_is_not_found(client: httpx.Client) -> None:
    assert client.get("/embed/nothing").status_code == 404


def test_every_panel_is_a_module_that_the_page_lists() -> None:
    listed = re.search(r"const PANELS = \[(.*?)\];", (PAGE / "lab.js").read_text(), re.DOTALL)
    assert listed is not None
    assert re.findall(r'name: "(\w+)"', listed[1]) == list(PANELS)
    for panel in PANELS:
        assert "export function mount(frame)" in (PAGE / f"{panel}.js").read_text()


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: file.name)
def test_a_file_of_the_page_asks_nobody_else_and_has_no_style_or_script_inline(
    file: Path, client: httpx.Client
) -> None:
    text = file.read_text()
    assert client.get(f"/web/page/{file.name}").text == text
    assert [address for address in re.findall(r"https?://[\w.]+", text) if address != SVG_NAMESPACE] == []
    if file.suffix == ".html":
        assert re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text) is None


def test_all_of_the_page_weighs_less_than_150_kilobytes_on_its_way(client: httpx.Client) -> None:
    sent = 0
    for file in PAGE.iterdir():
        with client.stream("GET", f"/web/page/{file.name}", headers={"Accept-Encoding": "gzip"}) as response:
            response.read()
            sent += response.num_bytes_downloaded
    assert 10_000 < sent < BYTES_AT_MOST


def test_files_are_asked_for_anew_but_sent_only_when_they_have_changed(client: httpx.Client) -> None:
    first = client.get("/web/page/lab.js")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-encoding"] == "gzip"
    assert client.get("/web/page/lab.js", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
