"""Panel 3, as a student uses it: what goes on in a memory, what breaks it, how long it lasts, how it is trained."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.student import Student

_RED = re.compile("This breaks it: R² goes from 1.00 to")


@pytest.fixture(autouse=True)
def at_the_memory(page: Page) -> None:
    page.goto("/#memory")


@pytest.fixture
def sentence(page: Page) -> Locator:
    """What the page says of the trial."""
    return page.locator(".told .sentence")


def test_a_longer_delay_is_forgotten_live_and_its_address_shows_it_again(student: Student, sentence: Locator) -> None:
    page = student.page
    expect(sentence).to_have_text("It remembers over 15 ms: R² 1.00.")
    page.get_by_label("Network", exact=True).select_option("memory-lstm-open")
    delay = page.get_by_role("slider", name="Delay from memorize to report")
    student.tab_to(delay)
    student.press("ArrowRight", "ArrowRight")
    expect(delay).to_have_attribute("aria-valuetext", "17 ms")
    student.press("End")
    expect(sentence).to_contain_text("Over 1000 ms it no longer reports what it was told")
    expect(page).to_have_url(re.compile("#memory.model=memory-lstm-open&delay=1000&seed=1"))
    told = sentence.inner_text()
    page.reload()
    expect(sentence).to_have_text(told)
    expect(page.get_by_label("Network", exact=True)).to_have_value("memory-lstm-open")


def test_a_gate_is_dragged_by_its_trace_held_and_let_go(student: Student, sentence: Locator) -> None:
    page = student.page
    expect(sentence).to_contain_text("R² 1.00")
    _drag(page, "Forget gate", 0.4)
    value = float(page.get_by_role("slider", name="Forget gate held at").input_value())
    assert value == pytest.approx(0.4, abs=0.05)
    expect(sentence).to_have_text(_RED)
    expect(page.locator(".stage")).to_contain_text(f"Forget gate · held at {value:.2f}")
    page.get_by_label("When the forget gate is held").select_option("encode")
    expect(sentence).to_contain_text("This does no harm")
    expect(page).to_have_url(re.compile(f"held=forget-{100 * value:.0f}-encode"))
    page.get_by_role("button", name="Let go of all").click()
    expect(sentence).to_have_text("It remembers over 15 ms: R² 1.00.")
    expect(page.get_by_role("checkbox", name="Forget gate")).not_to_be_checked()


def test_a_click_on_a_trace_holds_nothing(student: Student, sentence: Locator) -> None:
    expect(sentence).to_contain_text("R² 1.00")
    x, y = _place(student.page, "Output gate", 0.5)
    student.page.mouse.click(x, y)
    expect(student.page.get_by_role("checkbox", name="Output gate")).not_to_be_checked()


def test_a_gate_is_held_with_the_keyboard(student: Student, sentence: Locator) -> None:
    student.tab_to(student.page.get_by_role("slider", name="Input gate held at"))
    student.press("End")
    expect(sentence).to_have_text(_RED)
    expect(student.page.get_by_role("checkbox", name="Input gate")).to_be_checked()
    expect(student.page.locator(".memory [role=status].unseen")).to_have_text(_RED)


def test_every_value_is_told_at_the_pointer_at_the_key_and_behind_the_traces(student: Student) -> None:
    page = student.page
    time = page.get_by_role("slider", name="Time in the trial")
    expect(time).to_have_attribute("aria-valuemax", "41")
    x, y = _place(page, "Stimulus", 0.5)
    page.mouse.move(x, y)
    expect(page.locator(".stage .value")).to_have_count(7)
    student.tab_to(time)
    student.press("Home", "ArrowRight", "ArrowRight")
    expect(time).to_have_attribute("aria-valuetext", re.compile("^2 ms: stimulus .*, input gate 0.7.*, report "))
    told = (time.get_attribute("aria-valuetext") or "").partition("input gate ")[2].partition(",")[0]
    page.get_by_text("The numbers behind the traces").click()
    rows = page.get_by_role("table", name="Each ms of the trial").get_by_role("row")
    expect(rows).to_have_count(43)
    expect(rows.nth(3).get_by_role("cell").nth(1)).to_have_text(told)


def test_a_lesion_of_the_table_is_held_in_the_trial(student: Student, sentence: Locator) -> None:
    page = student.page
    page.get_by_role("button", name="output gate open always: leaks").click()
    expect(sentence).to_contain_text("It answers when nothing is asked.")
    expect(page.get_by_role("slider", name="Output gate held at")).to_have_value("1")
    page.get_by_role("button", name="forget gate shut in the delay: destroys").click()
    expect(sentence).to_have_text(_RED)
    expect(page.get_by_role("checkbox", name="Output gate")).not_to_be_checked()


def test_horizons_are_compared_by_several_measures_and_with_gates_held(student: Student) -> None:
    page = student.page
    curve = page.get_by_role("img", name="Horizon:")
    expect(curve).to_have_attribute(
        "aria-label", re.compile("memory-lstm up to 700 ms, .*memory-lstm-open up to 20 ms")
    )
    page.get_by_role("checkbox", name="memory-lstm-long").uncheck()
    expect(curve).not_to_have_attribute("aria-label", re.compile("long"))
    page.get_by_label("Measure").select_option("report_rmse")
    expect(page.locator(".series").get_by_text("chance")).to_be_visible()
    expect(page).to_have_url(re.compile("compare=memory-lstm.memory-lstm-open&measure=report_rmse"))
    student.hold("Forget gate", 0)
    page.get_by_label("With the gates held as chosen").check()
    expect(curve).to_have_attribute("aria-label", re.compile("memory-lstm up to 0 ms"))


def test_networks_are_trained_while_the_loss_falls_and_one_is_opened(student: Student, sentence: Locator) -> None:
    page = student.page
    student.train_memories(2)
    expect(page.get_by_role("img", name="Loss:")).to_have_attribute("aria-label", re.compile("2 of 2 networks met"))
    expect(page.locator(".memory form .sentence")).to_contain_text("Dashed: chance, 0.03")
    shown = page.get_by_label("Network", exact=True)
    expect(shown).to_have_value(re.compile("memory-lstm-[0-9a-f]{10}-[01]"))
    page.get_by_role("button", name="Show the network of seed 1").click()
    expect(shown).to_have_value(re.compile("-0$"))
    expect(page.get_by_role("img", name="Horizon:")).to_have_attribute("aria-label", re.compile("[0-9a-f]{10}-0 up to"))
    expect(page).to_have_url(re.compile("job="))
    page.reload()
    expect(page.get_by_role("button", name="Show the network")).to_have_count(2)


def test_what_cannot_be_trained_is_refused_in_words(student: Student) -> None:
    student.page.get_by_label("Side by side").fill("65")
    student.page.get_by_role("button", name="Train", exact=True).click()
    expect(student.page.get_by_role("alert")).to_contain_text("networks")


def _drag(page: Page, title: str, value: float) -> None:
    page.mouse.move(*_place(page, title, 0.8))
    page.mouse.down()
    page.mouse.move(*_place(page, title, value), steps=4)
    page.mouse.up()


def _place(page: Page, title: str, value: float) -> tuple[float, float]:
    """Where a value of a trace lies in the window: its title stands above the row, which is 54 pixels high."""
    heading = page.locator(".stage .title", has_text=title)
    heading.scroll_into_view_if_needed()
    box, stage = heading.bounding_box(), page.locator(".stage").bounding_box()
    assert box is not None
    assert stage is not None
    baseline = float(heading.get_attribute("y") or 0)
    return stage["x"] + stage["width"] / 2, stage["y"] + baseline + 6 + (1 - value) * 54
