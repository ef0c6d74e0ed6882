"""Panel 4, as a student uses it: what became of jobs, and which models there are."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from safetensors.torch import load_file

from models.digits import Digits
from tests.browser.student import Student

_QUICK = {"layer": "y", "unit": 3, "starts": 8, "steps": 50}
_LONG = {"layer": "l3", "unit": 10, "starts": 256, "steps": 5000, "robustness": 1}


@pytest.fixture(autouse=True)
def at_the_jobs(page: Page) -> None:
    page.goto("/#jobs")


def test_jobs_wait_run_and_are_cancelled_before_the_eye(student: Student) -> None:
    page = student.page
    for _ in range(2):
        student.submit("/cnn/tune", _LONG, is_awaited=False)
    page.reload()
    expect(_jobs(page).first).to_contain_text(re.compile("number 1 in the queue"))
    running = _jobs(page).nth(1)
    expect(running).to_contain_text(re.compile(r"running: step [1-9]\d* of 5000"), timeout=20_000)
    expect(running.get_by_role("progressbar")).to_be_visible()
    running.get_by_role("button", name="Cancel").click()
    expect(running).to_contain_text("cancelled after", timeout=20_000)
    expect(_jobs(page).first).to_contain_text("running", timeout=20_000)
    page.get_by_label("Status").focus()  # Tab goes on from the last click, and the list may be long
    cancel = _jobs(page).first.get_by_role("button", name="Cancel")
    student.tab_to(cancel)
    student.press("Enter")
    expect(_jobs(page).first).to_contain_text("cancelled", timeout=20_000)


def test_a_result_is_opened_with_its_pictures_and_again_by_its_address(student: Student, digits: Digits) -> None:
    page = student.page
    job = student.submit("/cnn/tune", _QUICK)
    page.reload()
    _jobs(page).first.get_by_role("button", name="Open", exact=True).click()
    pictures = _jobs(page).first.get_by_role("img")
    expect(pictures).to_have_count(5)
    assert all(picture.get_attribute("alt") for picture in pictures.all())
    expect(page).to_have_url(re.compile(f"job={job}"))
    page.reload()
    expect(pictures).to_have_count(5)
    _jobs(page).first.get_by_role("button", name="Show in its panel").click()
    assert "its rank went" in student.told()


def test_history_is_turned_page_by_page_and_filtered(student: Student) -> None:
    page = student.page
    body = {"layer": "y", "starts": 1, "steps": 1}
    last = student.submit("/cnn/tune", {**body, "unit": 0}, is_awaited=False)
    for seed in range(19):
        student.submit("/cnn/tune", {**body, "unit": 1, "seed": seed}, is_awaited=False)
    student.submit("/cnn/tune", _QUICK)
    page.reload()
    expect(_jobs(page)).to_have_count(20)
    newest = _jobs(page).first.inner_text()
    page.get_by_role("button", name="Older jobs").click()
    expect(_jobs(page).first).not_to_have_text(newest)
    page.get_by_role("button", name="Newest jobs").click()
    expect(_jobs(page).first).to_contain_text("layer y · unit 3")
    expect(page.get_by_role("button", name="Newest jobs")).to_be_hidden()
    page.get_by_label("Status").select_option("failed")
    expect(_jobs(page)).to_have_count(0)
    expect(page).to_have_url(re.compile("#jobs.status=failed"))
    page.goto(f"/#jobs?status=failed&job={last}")
    expect(_jobs(page)).to_have_count(1)


def test_a_job_is_forgotten_only_on_the_second_press(student: Student) -> None:
    page = student.page
    student.submit("/cnn/tune", {**_QUICK, "seed": 123456})
    page.reload()
    row = _jobs(page).filter(has_text="seed 123456")
    forget = row.get_by_role("button", name=re.compile("Forget"))
    student.tab_to(forget)
    student.press("Enter")
    expect(forget).to_have_text("Forget for good?")
    student.press("Shift+Tab")
    expect(forget).to_have_text("Forget…")
    forget.click()
    forget.click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("list", name="Jobs")).to_be_focused()


def test_a_trained_model_is_found_with_its_training_chosen_used_fetched_and_deleted(
    student: Student, tmp_path: Path
) -> None:
    page = student.page
    student.submit("/lstm/train", {"seed": 1, "name": "a memory of mine", "max_steps": 500})
    page.reload()
    entry = _models(page).filter(has_text="a memory of mine")
    identity = entry.get_by_role("group").first.get_attribute("aria-label") or ""
    entry.get_by_role("button", name=f"More: {identity}").click()
    expect(entry.get_by_role("row", name="training: max steps 500")).to_be_visible()
    with page.expect_download() as download:
        entry.get_by_role("button", name="Weights").click()
    assert download.value.suggested_filename == f"{identity}.safetensors"
    download.value.save_as(tmp_path / "weights")
    assert load_file(tmp_path / "weights")
    entry.get_by_role("button", name="Make default").click()
    expect(entry).to_contain_text("trained · shared · the default")
    usual = _models(page).filter(has=page.get_by_role("group", name="memory-lstm", exact=True))
    usual.get_by_role("button", name="More").click()
    usual.get_by_role("button", name="Make default").click()
    expect(usual).to_contain_text("the default")
    entry.get_by_role("button", name="Its training").click()
    expect(_jobs(page).first.get_by_role("img")).to_have_count(2)
    entry.get_by_role("button", name="Use in Memory").click()
    expect(page.get_by_label("Network", exact=True).last).to_have_value(identity)
    page.get_by_role("link", name="Jobs and models").click()
    entry.get_by_role("button", name="Delete").click()
    entry.get_by_role("button", name="Delete for good?").click()
    expect(entry).to_have_count(0)
    assert page.request.get(f"/models/{identity}").status == 404


def test_networks_of_one_training_stand_together_and_each_is_used_fetched_shared_and_deleted(student: Student) -> None:
    page = student.page
    job = student.submit("/lstm/train", {"seed": 4, "networks": 3, "keep": "all", "name": "triplets", "max_steps": 500})
    stem = "memory-lstm-" + page.request.get(f"/jobs/{job}").json()["result"]["model"]["id"].split("-")[2]
    page.reload()
    entry = _models(page).filter(has_text="triplets")
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text(f"triplets {stem} · 3 networks")
    siblings = entry.get_by_role("list", name=f"Networks of {stem}").locator("> li")
    expect(siblings).to_have_count(0)
    networks = entry.get_by_role("button", name=f"Networks: {stem}")
    page.get_by_role("list", name="Models", exact=True).focus()
    student.tab_to(networks)
    student.press("Enter")
    expect(networks).to_have_attribute("aria-expanded", "true")
    expect(siblings).to_have_text([re.compile(f"^seed {seed} {stem}-{seed - 4}") for seed in (4, 5, 6)])
    second = siblings.nth(1)
    second.get_by_role("button", name="More").click()
    expect(second.get_by_role("row", name=f"job {job}")).to_be_visible()
    with page.expect_download() as download:
        second.get_by_role("button", name="Weights").click()
    assert download.value.suggested_filename == f"{stem}-1.safetensors"
    second.get_by_role("button", name="Share", exact=True).click()
    expect(second).to_contain_text(f"{stem}-1 · shared")
    expect(second.get_by_role("button", name="More")).to_be_focused()
    expect(page.locator(".jobs [role=status].unseen")).to_have_text(f"Share: {stem}-1. Done.")
    second.get_by_role("button", name="Share no longer").click()
    expect(second.get_by_role("button", name="Share", exact=True)).to_be_visible()
    entry.get_by_role("button", name="Their training").click()
    expect(_jobs(page).first.get_by_role("img")).to_have_count(2)
    expect(page).to_have_url(re.compile(f"job={job}"))
    second.get_by_role("button", name="Use in Memory").click()
    expect(page.get_by_label("Network", exact=True).last).to_have_value(f"{stem}-1")
    expect(page.get_by_role("option", name=f"triplets ({stem}-1, seed 5)")).to_be_attached()
    page.get_by_role("link", name="Jobs and models").click()
    for number in (2, 1):
        last = entry.locator(f"li:has([role=group][aria-label='{stem}-{number}'])")
        if number == 2:
            last.get_by_role("button", name="More").click()
        last.get_by_role("button", name="Delete").click()
        last.get_by_role("button", name="Delete for good?").click()
        expect(last).to_have_count(0)
        expect(page.get_by_role("list", name="Models", exact=True)).to_be_focused()
    expect(entry).to_contain_text(f"triplets {stem}-0 · trained")  # alone again


def test_who_only_looks_asks_rarely(student: Student) -> None:
    asked: list[str] = []
    student.page.clock.install()
    student.page.reload()
    expect(_models(student.page).first).to_be_visible()
    student.page.wait_for_load_state("networkidle")
    student.page.on("request", lambda request: asked.append(request.url))
    student.page.clock.run_for(29_000)
    assert asked == []
    with student.page.expect_request("**/jobs?limit=20"):
        student.page.clock.run_for(2000)


def _jobs(page: Page) -> Locator:
    return page.locator(".jobs ol > li")


def _models(page: Page) -> Locator:
    return page.get_by_role("list", name="Models", exact=True).locator("> li")
