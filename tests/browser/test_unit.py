"""Panel 2, as a student uses it: a unit's preferred stimulus, its tuning, its field, the quiz."""

import re

import pytest
from playwright.sync_api import expect

from models.digits import Digits
from tests.browser.student import Student

pytestmark = pytest.mark.usefixtures("digits")
# At each frame: what is there for less time than Playwright takes to look again.
_WATCH = """([sentence, canvas]) => {
  window.seen = { words: new Set(), pictures: new Set(), bar: false };
  const look = () => {
    seen.words.add(sentence.textContent);
    const { width, height } = canvas;
    const picture = canvas.toDataURL();
    if (picture !== Object.assign(document.createElement("canvas"), { width, height }).toDataURL())
      seen.pictures.add(picture);
    seen.bar ||= document.querySelector(".controls progress").checkVisibility();
    requestAnimationFrame(look);
  };
  look();
}"""
_LONG = "/#unit?layer=l3&unit=10&starts=256&steps=5000&robustness=1"


def test_a_stimulus_forms_before_the_eye_and_the_address_shows_the_same_job_again(student: Student) -> None:
    student.page.goto("/#unit?layer=l2&unit=100")
    sentence = student.page.locator(".stimulus .sentence")
    canvas = student.page.get_by_role("img", name="The preferred stimulus")
    student.page.evaluate(_WATCH, [sentence.element_handle(), canvas.element_handle()])
    student.page.get_by_role("button", name="Find its stimulus").click()
    told = student.told()
    seen = student.page.evaluate("({ words: [...seen.words], pictures: seen.pictures.size, bar: seen.bar })")
    assert any(words.startswith("Searching: its drive is") for words in seen["words"])
    assert seen["pictures"] >= 2  # one or more previews, the stimulus
    assert seen["bar"]
    assert float(re.search("to ([0-9.]+) in", told)[1]) > float(re.search("from ([0-9.]+) to", told)[1])  # type: ignore[index]
    assert "to 1." in told
    for picture in ("The search", "Every start"):
        expect(student.page.get_by_role("img", name=f"{picture}:")).to_be_visible()
    expect(student.layer("l2 for the preferred stimulus")).to_be_visible()
    expect(student.page.locator(".digits-row figure")).to_have_count(8)
    expect(student.page).to_have_url(re.compile("seed=[0-9]+&job="))
    student.page.reload()
    assert student.told() == told


def test_a_seed_in_the_address_repeats_the_search_without_the_job(student: Student) -> None:
    student.page.goto("/#unit?layer=y&unit=3&seed=1&starts=8&steps=50&direction=inhibit")
    told = student.told()
    assert "Its drive fell from" in told
    first = student.page.url
    student.page.goto("about:blank")
    student.page.goto(re.sub("&job=[^&]+", "&job=00000000-0000-0000-0000-000000000000", first))
    assert student.told() == told
    assert student.page.url != first


def test_a_search_is_cancelled_with_the_keyboard(student: Student) -> None:
    student.page.goto(_LONG)
    start = student.page.get_by_role("button", name="Find its stimulus")
    student.tab_to(start)
    student.press("Enter")
    cancel = student.page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    student.tab_to(cancel)
    student.press("Enter")
    expect(student.page.locator(".stimulus .sentence")).to_have_text("The search was cancelled.", timeout=20_000)
    expect(start).to_be_enabled()


def test_a_unit_that_is_none_is_refused_in_words_that_name_the_field(student: Student) -> None:
    student.page.goto("/#unit?layer=y&unit=10")
    student.page.get_by_role("button", name="Find its stimulus").click()
    refusal = student.page.get_by_role("alert")
    expect(refusal).to_contain_text("from 0 to 9")
    student.page.get_by_role("spinbutton", name="Unit").fill("9")
    student.press("Tab")
    expect(refusal).to_be_hidden()


def test_a_unit_is_measured_with_several_stimuli_and_its_numbers_stand_behind(student: Student) -> None:
    student.page.goto("/#unit?layer=l2&unit=100")
    expect(student.page.get_by_role("img", name=re.compile("Tuning curve: mean drive over the digits"))).to_be_visible()
    expect(student.page.get_by_role("img", name=re.compile("Receptive field: [0-9]+ pixels of 70"))).to_be_visible()
    student.page.get_by_label("Tuned to").select_option("orientation")
    expect(student.page.get_by_role("img", name=re.compile("Tuning curve: mean drive over phases"))).to_be_visible()
    expect(student.page).to_have_url(re.compile("curve=orientation"))
    student.page.get_by_text("The numbers behind both").click()
    rows = student.page.get_by_role("table", name="Tuning curve: mean").get_by_role("row")
    expect(rows).to_have_count(25)
    student.page.get_by_label("Layer", exact=True).first.select_option("l3")
    expect(student.page.get_by_role("img", name=re.compile("Receptive field: [0-9]+ pixels of 784"))).to_be_visible()


def test_a_unit_is_recognised_in_the_quiz_by_pointer_and_told_on_request(student: Student, digits: Digits) -> None:
    student.page.goto("/#unit")
    student.page.get_by_role("button", name="Ask me").click()
    after = student.layer("y after")
    expect(after).to_be_visible(timeout=30_000)
    student.page.get_by_role("button", name="Tell me").click()
    expect(student.page.locator(".quiz [role=status]")).to_contain_text(re.compile(r"^It was output \d\. Open"))
    after.click(position={"x": 5, "y": 5})
    verdict = student.page.locator(".quiz [role=status]")
    expect(verdict).to_contain_text("the drive of y unit 0")
    student.page.get_by_role("button", name="Tell me").click()
    expect(verdict).to_contain_text(re.compile("Right:|It was y unit [0-9]"))
    student.page.get_by_role("button", name=re.compile("Open output")).click()
    opened = student.told()
    assert "its rank went" in opened
