"""Panel 3, as a student uses it: what goes on in a memory, what breaks it, how long it lasts, how it is trained."""

import itertools
import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.student import Student
from tests.service_process import Service

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


def test_a_finger_drags_a_gate_by_its_grip_and_scrolls_everywhere_else(browser: Browser, service: Service) -> None:
    with Student.before(browser, service, has_touch=True, viewport={"width": 375, "height": 812}) as student:
        page = student.page
        page.goto("/#memory")
        sentence = page.locator(".told .sentence")
        expect(sentence).to_contain_text("R² 1.00")
        x, top = _grip(page, "forget gate")
        scrolled = page.evaluate("scrollY")
        _swipe(page, (x, top + 27), (x, top + 0.7 * 54))
        expect(page.get_by_role("checkbox", name="Forget gate")).to_be_checked()
        value = float(page.get_by_role("slider", name="Forget gate held at").input_value())
        assert value == pytest.approx(0.3, abs=0.05)
        expect(sentence).to_have_text(_RED)
        assert page.evaluate("scrollY") == scrolled
        x, top = _grip(page, "output gate")
        _swipe(page, (x - 100, top + 27), (x - 100, top - 73))
        page.wait_for_function("before => scrollY > before", arg=scrolled)
        expect(page.get_by_role("checkbox", name="Output gate")).not_to_be_checked()


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


def test_answers_beyond_all_values_stay_in_their_row_and_close_events_apart(page: Page) -> None:
    page.goto("/?#memory?model=memory-lstm-open&delay=300&held=output-100-always")
    expect(page.locator(".told .sentence")).to_contain_text("R²")
    expect(page.get_by_text("M: memorize, R: report.")).to_be_visible()
    at = page.locator(".stage").evaluate(_BOXES, {"letter": ".title", "number": "text", "line": ".line"})
    letters = at["letter"][:4]
    assert [letter["words"] for letter in letters] == ["M", "R", "M", "R"]
    assert all(one["right"] < other["left"] for one, other in itertools.pairwise(letters))
    cell, report = at["line"][-2:]
    assert cell["bottom"] < report["top"]
    assert report["bottom"] < next(number["top"] for number in at["number"] if number["words"] == "ms")


_BOXES = """(stage, styles) => Object.fromEntries(Object.entries(styles).map(([name, style]) => [name,
  Array.from(stage.querySelectorAll(`svg ${style}`), (each) => (
    { words: each.textContent, ...each.getBoundingClientRect().toJSON() }))]))"""


def test_a_lesion_of_the_table_is_held_in_the_trial(student: Student, sentence: Locator) -> None:
    page = student.page
    expect(page.locator(".memory section", has_text="What is each gate for?")).to_contain_text("Held throughout at 0")
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


def test_a_chart_tells_its_values_at_the_pointer_and_at_the_keys(student: Student) -> None:
    page = student.page
    values = page.get_by_role("slider", name="Values of Horizon")
    plot = page.locator(".plot", has=values)
    expect(values).to_have_attribute(
        "aria-valuetext", re.compile(r"^delay \(ms\) 1: memory-lstm 1\.00 \(1\.00 to 1\.00\), ")
    )
    student.tab_to(values)
    student.press("End", "ArrowLeft")
    told = re.match(r"delay \(ms\) (\d{3}): memory-lstm (\S+) \(", values.get_attribute("aria-valuetext") or "")
    assert told
    tip = plot.locator(".tip")
    expect(tip).to_contain_text(f"delay (ms): {told[1]}")
    expect(tip).to_contain_text(f"memory-lstm: {told[2]} (")
    expect(plot.locator(".ring")).to_have_count(tip.locator("span").count())
    student.press("Escape")
    expect(tip).to_be_hidden()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + box["height"] / 2)
    expect(tip).to_contain_text("delay (ms): 1")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()


@pytest.mark.parametrize("window", ["always", "encode", "delay", "report"])
def test_the_window_in_which_a_gate_is_held_is_shaded_between_the_events(window: str, page: Page) -> None:
    page.goto(f"/?#memory?delay=15&held=input-100-{window}")
    expect(page.locator(".stage .event")).to_have_count(4)
    expect(page.locator(".stage .window")).to_have_count(1 if window == "always" else 2)
    expect(page.locator(".told .sentence")).to_contain_text("R²")
    memorize, report, shaded = (page.locator(".stage").evaluate(_LAST, part) for part in _PARTS)
    millisecond = (report["x"] - memorize["x"]) / 15
    middle = {"encode": memorize["x"], "delay": (memorize["x"] + report["x"]) / 2, "report": report["x"]}
    milliseconds = {"always": 41, "encode": 1, "delay": 14, "report": 1}
    assert shaded["width"] == pytest.approx(milliseconds[window] * millisecond, abs=2)
    if window != "always":
        assert shaded["x"] + shaded["width"] / 2 == pytest.approx(middle[window], abs=2)


_PARTS = (".event.memorize", ".event.report", ".window")
_LAST = "(stage, part) => Array.from(stage.querySelectorAll(part)).at(-1).getBoundingClientRect().toJSON()"


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


def test_the_loss_of_every_network_is_seen_while_it_falls_and_after_a_reload_amid(student: Student) -> None:
    page = student.page
    form = page.locator(".memory form")
    page.get_by_label("Side by side").fill("3")
    form.get_by_text("More", exact=True).click()
    for label, value in (("Seed", "5"), ("Hidden units", "24"), ("Loss to reach", "1e-9"), ("Steps at most", "90000")):
        form.get_by_label(label).fill(value)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(form.locator(".plot .line[d*=L]")).to_have_count(3, timeout=20_000)
    expect(form.locator(".series li")).to_have_text(["seed 5", "seed 6", "seed 7"])
    expect(page).to_have_url(re.compile("job=.*train-networks=3&.*train-hidden_size=24.*train-seed=5"))
    page.reload()
    expect(form.locator(".plot .line")).to_have_count(3, timeout=20_000)
    expect(form.get_by_label("Hidden units")).to_have_value("24")
    page.get_by_role("button", name="Cancel").click()
    expect(form.locator(".sentence")).to_have_text("The training was cancelled.", timeout=20_000)


def test_a_link_to_a_training_that_is_forgotten_says_so_and_can_repeat_it(student: Student) -> None:
    page = student.page
    gone = "00000000-0000-0000-0000-000000000000"
    page.goto(f"/?#memory?job={gone}&train-networks=2&train-seed=7&train-max_steps=500&train-loss_on=report")
    expect(page.get_by_role("alert")).to_contain_text("Press Train to repeat it.")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Show the network of seed 7")).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile("train-networks=2&train-loss_on=report.*train-max_steps=500&train-seed=7"))


def test_what_cannot_be_trained_is_refused_in_words(student: Student) -> None:
    student.page.get_by_label("Side by side").fill("65")
    student.page.get_by_role("button", name="Train", exact=True).click()
    expect(student.page.get_by_role("alert")).to_contain_text("networks")


def _drag(page: Page, title: str, value: float) -> None:
    page.mouse.move(*_place(page, title, 0.8))
    page.mouse.down()
    page.mouse.move(*_place(page, title, value), steps=4)
    page.mouse.up()


def _grip(page: Page, gate: str) -> tuple[float, float]:
    """Where a gate's grip is in the window: its middle, and the top of the gate's row."""
    x, y = page.get_by_title(f"Drag to hold the {gate}").evaluate(
        """grip => {
            grip.scrollIntoView({block: "center", behavior: "instant"});
            const box = grip.getBoundingClientRect();
            return [box.x + box.width / 2, box.y];
        }"""
    )
    return x, y + 10


def _swipe(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draws a finger over the window."""
    devtools = page.context.new_cdp_session(page)
    for step in range(6):
        x, y = (begin + step / 5 * (stop - begin) for begin, stop in zip(start, end, strict=True))
        kind = "touchMove" if step else "touchStart"
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def _place(page: Page, title: str, value: float) -> tuple[float, float]:
    """Where a value of a trace lies in the window: its title stands above the row, which is 54 pixels high."""
    heading = page.locator(".stage .title", has_text=title)
    x, y = heading.evaluate(
        """heading => {
            heading.scrollIntoView({block: "center", behavior: "instant"});
            const stage = heading.closest(".stage").getBoundingClientRect();
            return [stage.x + stage.width / 2, stage.y + Number(heading.getAttribute("y"))];
        }"""  # in one go: traces are drawn anew when the window's width is known
    )
    return x, y + 6 + (1 - value) * 54
