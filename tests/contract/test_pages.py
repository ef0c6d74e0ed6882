"""The lab page as a browser fetches it: all from here, light, and nothing that the content security policy refuses."""

import re
from pathlib import Path

import httpx
import pytest

from service.routes.pages import PANELS

PAGE = Path(__file__).parents[2] / "service" / "web" / "page"
BYTES_AT_MOST = 150_000


def test_the_page_is_at_the_front_and_each_panel_alone(client: httpx.Client) -> None:
    front = client.get("/")
    assert front.headers["content-type"].startswith("text/html")
    for panel in PANELS:
        assert client.get(f"/embed/{panel}").text == front.text


def test_an_unknown_panel_is_not_found(client: httpx.Client) -> None:
    assert client.get("/embed/nothing").status_code == 404


def test_every_panel_is_a_module_that_the_page_lists() -> None:
    listed = re.search(r"const PANELS = \[(.*?)\]", (PAGE / "lab.js").read_text())
    assert listed is not None
    assert listed[1].split(", ") == list(PANELS)
    for panel in PANELS:
        assert f'export const name = "{panel}";' in (PAGE / f"{panel}.js").read_text()


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: file.name)
def test_a_file_of_the_page_asks_nobody_else_and_has_no_style_or_script_inline(
    file: Path, client: httpx.Client
) -> None:
    text = file.read_text()
    assert client.get(f"/web/page/{file.name}").text == text
    if file.suffix != ".svg":
        assert "http://" not in text
        assert "https://" not in text
    if file.suffix == ".html":
        assert re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text) is None


def test_all_of_the_page_weighs_less_than_150_kilobytes_uncompressed() -> None:
    assert sum(file.stat().st_size for file in PAGE.iterdir()) < BYTES_AT_MOST
