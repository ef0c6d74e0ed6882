"""The page before a service with keys: it asks for one, keeps it in its tab, and shows each student their own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.student import Student, run
from tests.service_process import ROOT, Service, serving, settings_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    """Anna's and Ben's key, as their lecturer makes them."""
    return dict(line.split("\t") for line in _keys(folder, "make", "--course", "neuro", "anna", "ben").splitlines())


@pytest.fixture(scope="module")
def locked(folder: Path, keys: dict[str, str]) -> Iterator[Service]:
    """A service that wants a key."""
    assert len(keys) == 2
    with serving(folder) as service:
        yield service


def test_a_key_opens_the_page_shows_ones_own_jobs_and_is_no_longer_taken_once_revoked(
    browser: Browser, locked: Service, keys: dict[str, str], folder: Path
) -> None:
    with Student.before(browser, locked) as anna, Student.before(browser, locked) as ben:
        for student, name in ((anna, "anna"), (ben, "ben")):
            student.page.goto("/#jobs")
            expect(student.page.get_by_text("This service wants a key.")).to_be_visible()
            expect(student.page.get_by_label("Key", exact=True)).to_be_focused()
            student.page.keyboard.type(keys[name])
            student.press("Enter")
            expect(student.page.locator("#lock")).to_be_hidden()
            expect(student.page.get_by_role("list", name="Models").get_by_role("listitem").first).to_be_visible()
        anna.page.goto("/#unit?layer=y&unit=3&starts=1&steps=1")
        anna.find_stimulus()
        job = anna.page.url.partition("job=")[2].partition("&")[0]
        with locked.client(headers={"Authorization": f"Bearer {keys['anna']}"}) as client:
            assert client.get(f"/jobs/{job}").json()["owner"].endswith("anna")
        ben.page.goto(f"/?#jobs?job={job}")
        expect(ben.page.get_by_role("alert")).to_contain_text("job")
        expect(ben.page.locator(".jobs ol > li")).to_have_count(0)
        anna.page.goto(f"/?#jobs?job={job}")
        expect(anna.page.locator(".jobs ol > li")).to_have_count(1)

        _keys(folder, "revoke", keys["anna"].split("_")[1])
        _until_refused(locked, keys["anna"])
        anna.page.get_by_label("Status").select_option("failed")
        expect(anna.page.get_by_text("The service does not take this key.")).to_be_visible()
        expect(anna.page.locator("#lock")).to_contain_text("ask your lecturer", ignore_case=True)
        anna.page.get_by_label("Key", exact=True).fill(keys["ben"])
        anna.press("Enter")
        expect(anna.page.locator("#lock")).to_be_hidden()
        expect(anna.page.locator(".jobs ol > li")).to_have_count(0)


def test_a_key_is_kept_in_its_tab_alone_and_forgotten_on_wish(
    browser: Browser, locked: Service, keys: dict[str, str]
) -> None:
    with Student.before(browser, locked) as ben:
        page = ben.page
        page.goto("/#jobs")
        page.get_by_label("Key", exact=True).fill(keys["ben"])
        ben.press("Enter")
        models = page.get_by_role("list", name="Models").get_by_role("listitem")
        expect(models.first).to_be_visible()
        page.reload()
        expect(models.first).to_be_visible()
        expect(page.locator("#lock")).to_be_hidden()
        assert keys["ben"] not in page.url
        page.locator(".jobs .take > summary").click()
        page.locator(".jobs").get_by_label("Of what").select_option("Models")
        for tongue in ("curl", "Python"):
            call = ben.copied_call("jobs", tongue)
            assert keys["ben"] not in call
            assert "models" in run(call, PATCHCLAMP_KEY=keys["ben"])
        assert page.evaluate("document.cookie + JSON.stringify(localStorage)") == "{}"
        other_tab = page.context.new_page()
        other_tab.goto("/")
        expect(other_tab.get_by_text("This service wants a key.")).to_be_visible()
        page.get_by_role("button", name="Key…").click()
        ben.press("Enter")
        page.get_by_label("Status").select_option("failed")
        expect(page.get_by_text("This service wants a key.")).to_be_visible()


def _keys(folder: Path, *words: str) -> str:
    """What `patchclamp keys` prints."""
    command = [sys.executable, "-m", "service.cli", "keys", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=settings_of(folder, 1), check=True, stdout=subprocess.PIPE, text=True, timeout=60
    )
    return done.stdout


def _until_refused(service: Service, key: str) -> None:
    """Returns as soon as the service has read that the key is revoked (no event tells it to another process)."""
    deadline = time.monotonic() + 10
    with service.client(headers={"Authorization": f"Bearer {key}"}) as client:
        while client.get("/models").status_code != 401:
            assert time.monotonic() < deadline, "the key is still taken"
            time.sleep(0.1)
