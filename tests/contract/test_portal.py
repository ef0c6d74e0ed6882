"""The page for developers of a portal, line by line, against a service that knows one."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from models.digits import Digits
from service.settings import Settings
from tests.conftest import leave_out
from tests.contract.conftest import PORTAL
from tests.portal import AUDIENCE, ISSUER, public
from tests.service_process import ROOT, Service, await_ready, serving

PAGE = (ROOT / "docs" / "portal.md").read_text("utf-8")
WRITTEN = "http://127.0.0.1:8000"
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class Sources(HTMLParser):
    """The tags of the page's HTML, each with its address."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed("".join(blocks("html")))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, str(dict(attrs)["src"]).removeprefix(WRITTEN)))


SOURCES = Sources().found


@pytest.mark.parametrize("address", [address for tag, address in SOURCES if tag == "img"])
def test_every_img_of_the_page_shows_a_picture_to_another_site(
    portal_api: httpx.Client, digits: Digits, address: str
) -> None:
    picture = portal_api.get(address, headers={"Accept": IMG}, follow_redirects=True)
    for response in (*picture.history, picture):
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert picture.headers["content-type"] == "image/png"


@pytest.mark.parametrize("address", [address for tag, address in SOURCES if tag == "iframe"])
def test_every_iframe_of_the_page_may_be_framed_by_the_portal(portal_api: httpx.Client, address: str) -> None:
    view = portal_api.get(address)
    assert view.status_code == 200
    assert view.headers["content-type"].startswith("text/html")
    assert f"frame-ancestors 'self' {PORTAL}" in view.headers["content-security-policy"]
    assert "x-frame-options" not in view.headers


def test_every_shell_line_of_the_page_works(portal_service: Service, digits: Digits, tmp_path: Path) -> None:
    script = "".join(blocks("sh")).replace(WRITTEN, portal_service.url)
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'rel="bookmark"' in done.stdout
    assert "event: succeeded" in done.stdout
    assert json.loads((tmp_path / "result.json").read_text())["units"][0]["unit"] == 3
    with Image.open(tmp_path / "stimulus.png") as image:
        assert image.format == "PNG"


def test_the_page_s_script_works(portal_service: Service) -> None:
    node = shutil.which("node")
    if node is None:
        leave_out("node", "install Node.js 18 or newer to run the JavaScript of docs/portal.md")
    (script,) = blocks("js")
    command = [str(node), "--input-type=module", "--eval", script.replace(WRITTEN, portal_service.url)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result, shown = done.stdout.splitlines()
    assert re.fullmatch(r"R² 0\.\d+, seed \d+", result)
    picture = httpx.get(re.fullmatch(r'<img src="(.*)">', shown)[1], headers={"Accept": "*/*"})  # type: ignore[index]
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"] == "max-age=86400"


def test_the_page_s_token_opens_a_picture(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    unencrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "portal-key.pem").write_bytes(unencrypted)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [public("2026", key)]}))
    environment = {
        "PATCHCLAMP_PORTAL_JWKS": str(tmp_path / "jwks.json"),
        "PATCHCLAMP_PORTAL_ISSUER": ISSUER,
        "PATCHCLAMP_PORTAL_AUDIENCE": AUDIENCE,
    }
    with serving(tmp_path, "api", environment=environment, is_awaited=False) as api:
        await_ready(api, "/livez")
        (script,) = blocks("python")
        command = [sys.executable, "-c", script.replace(WRITTEN, api.url)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        address = done.stdout.removeprefix('<img src="').removesuffix('">\n')
        picture = httpx.get(address, headers={"Accept": IMG})
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["cache-control"].startswith("private")
        assert httpx.get(address.partition("&access_token")[0]).status_code == 401


def test_every_setting_that_the_page_names_is_one() -> None:
    named = set(re.findall(r"PATCHCLAMP_(\w+)", PAGE))
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)
