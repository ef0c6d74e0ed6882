"""Panel 1, as a student uses it: with mouse, finger, pen and keyboard."""

import re
import statistics
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, Position, expect

from models.digits import Digits
from tests.browser.student import THREE, Student
from tests.service_process import Service

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "three.png"
LAYERS = ("l1", "l2", "l3", "l4", "y")
MILLISECONDS_AT_MOST = 50
ROUNDS = 4
_MEASURE = """
() => new Promise((resolve) => {
  const sheet = document.querySelector("[role=application]");
  const box = sheet.getBoundingClientRect();
  const shares = document.querySelector(".probabilities .is-likeliest .share").closest("tbody");
  const times = [];
  let began = null;
  let step = 0;
  const at = (type, x, y) => sheet.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, button: 0, clientX: box.x + x * box.width, clientY: box.y + y * box.height, bubbles: true }));
  // Painted: the frame that follows the change has been drawn.
  new MutationObserver(() => {
    if (began === null) return;
    const started = began;
    began = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { times.push(performance.now() - started); next(); };
      channel.port2.postMessage(null);
    });
  }).observe(shares, { subtree: true, childList: true, characterData: true, attributes: true });
  function next() {
    step += 1;
    if (step > 40) { at("pointerup", 0.5, 0.5); resolve(times); return; }
    setTimeout(() => {
      began = performance.now();
      at("pointermove", 0.5 + 0.3 * Math.sin(step), 0.5 + 0.3 * Math.cos(1.7 * step));
    }, 20);
  }
  sheet.setPointerCapture = () => {};
  at("pointerdown", 0.5, 0.5);
  setTimeout(next, 200);
})
"""


@pytest.fixture(autouse=True)
def at_the_front(page: Page) -> None:
    page.goto("/")


def test_a_drawn_three_is_read_and_every_layer_is_told_with_its_scale(student: Student) -> None:
    student.draw()
    expect(student.verdict).to_contain_text("3")
    expect(student.page.locator(".probabilities .is-likeliest th")).to_have_text("3")
    assert sum(float(share.removesuffix(" %")) for share in student.probabilities) == pytest.approx(100, abs=0.5)
    for layer in LAYERS:
        low, high = student.page.locator(f".layer.{layer} .legend > span").all_inner_texts()
        assert high not in ("", "0", "1")
        assert low == ("0" if layer != "y" else f"−{high}")
    assert student.page.locator(".saw canvas").evaluate(_INK) > 30


_INK = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
  .filter((value, place) => place % 4 === 0 && value < 128).length"""


def test_reloading_the_address_gives_the_same_drawing_and_the_same_answer(student: Student) -> None:
    student.draw()
    expect(student.page).to_have_url(re.compile("#digits.strokes="))
    expect(student.verdict).to_contain_text("3")
    before = student.probabilities
    student.page.reload()
    student.sees(before)


def test_strokes_are_taken_back_one_by_one_and_all_at_once(student: Student) -> None:
    student.draw(THREE[:6])
    student.draw(THREE[5:])
    student.page.get_by_role("button", name="Undo").click()
    expect(student.page.get_by_role("button", name="Undo")).to_be_enabled()
    student.page.get_by_role("button", name="Clear").click()
    expect(student.verdict).to_contain_text("Draw a digit")
    student.page.get_by_role("button", name="Undo").click()
    student.page.get_by_role("button", name="Undo").click()
    expect(student.page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(student.verdict).to_contain_text("Draw a digit")


def test_a_one_is_drawn_with_the_keyboard_alone_and_a_unit_opened_from_it(student: Student) -> None:
    student.tab_to(student.sheet)
    student.press(*["ArrowUp"] * 8, "Space", *["ArrowDown"] * 16, "Space")
    expect(student.page.locator(".probabilities .is-likeliest th")).to_have_text("1")
    cell = student.layer("l2").locator("[tabindex='0']")
    student.tab_to(cell)
    expect(cell).to_have_attribute("aria-label", re.compile("^l2 channel 0, row 0, column 0: [0-9.]+$"))
    student.press("ArrowRight", "ArrowRight", "ArrowDown")
    expect(student.page.locator(":focus")).to_have_attribute(
        "aria-label", re.compile("^l2 channel 0, row 1, column 2: ")
    )
    student.press("Enter")
    expect(student.page.get_by_role("heading", name="A unit", exact=True)).to_be_focused()
    expect(student.page.get_by_role("spinbutton", name="Unit")).to_have_value("9")


def test_backspace_and_delete_work_on_the_drawing_surface(student: Student) -> None:
    student.tab_to(student.sheet)
    student.press("Space", "ArrowDown", "ArrowDown", "Space", "Delete")
    expect(student.verdict).to_contain_text("Draw a digit")
    student.press("Backspace")
    expect(student.page.locator(".probabilities .is-likeliest")).to_be_visible()


def test_screen_readers_hear_what_is_read_once_the_pen_rests(student: Student) -> None:
    student.draw()
    expect(student.page.locator(".digits [role=status].unseen")).to_have_text(re.compile(r"^Read as 3, \d+ %\.$"))


def test_pointing_at_a_unit_tells_its_value_and_a_click_opens_it(student: Student) -> None:
    student.draw()
    expect(student.verdict).to_contain_text("3")
    cells = student.layer("y")
    box = cells.bounding_box()
    assert box is not None
    third = Position(x=box["width"] * 0.35, y=box["height"] / 2)
    cells.hover(position=third)
    logit = student.page.locator(".probabilities .is-likeliest .logit").inner_text()
    expect(student.page.locator(".layer.y .said")).to_have_text(f"output 3: {logit}")
    cells.click(position=third)
    expect(student.page).to_have_url(re.compile("#unit.layer=y&unit=3"))


@pytest.mark.parametrize("pointer", ["touch", "pen"])
def test_a_finger_or_a_pen_draws_as_well(pointer: str, browser: Browser, service: Service) -> None:
    phone = {"has_touch": True, "viewport": {"width": 375, "height": 812}}
    with Student.before(browser, service, **phone) as student:
        student.page.goto("/")
        box = student.sheet.bounding_box()
        assert box is not None
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in THREE]
        devtools = student.page.context.new_cdp_session(student.page)
        for number, place in enumerate(places):
            if pointer == "touch":
                kind = "touchMove" if number else "touchStart"
                devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
            else:
                kind = "mouseMoved" if number else "mousePressed"
                stroke = {"type": kind, "pointerType": "pen", "button": "left", "buttons": 1, "force": 0.5, **place}
                devtools.send("Input.dispatchMouseEvent", stroke)
        if pointer == "touch":
            devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        else:
            devtools.send(
                "Input.dispatchMouseEvent",
                {"type": "mouseReleased", "pointerType": "pen", "button": "left", **places[-1]},
            )
        expect(student.page.locator(".probabilities .is-likeliest th")).to_have_text("3")
        assert student.page.evaluate("scrollY") == 0


def test_a_random_test_digit_can_be_changed_with_the_pen_and_comes_back_with_its_address(
    student: Student, digits: Digits
) -> None:
    student.page.get_by_role("button", name="Random digit").click()
    expect(student.verdict).to_contain_text(re.compile("right|wrong"))
    split, index = re.search("sample=(test)-([0-9]+)$", student.page.url).groups()  # type: ignore[union-attr]
    assert digits.label(split, int(index)) in range(10)
    student.draw(((0.1, 0.9), (0.9, 0.9)))
    expect(student.page).to_have_url(re.compile("sample=test-[0-9]+&strokes="))
    expect(student.verdict).not_to_contain_text(re.compile("right|wrong"))
    before = student.probabilities
    student.page.reload()
    student.sees(before)


def test_undo_brings_back_the_digit_that_another_one_took_the_place_of(student: Student, digits: Digits) -> None:
    random_digit = student.page.get_by_role("button", name="Random digit")
    random_digit.click()
    expect(student.verdict).to_contain_text(re.compile("right|wrong"))
    first, seen = student.page.url, student.probabilities
    random_digit.click()
    expect(student.page).not_to_have_url(first)
    for again in ("Undo", "Clear", "Undo"):
        student.page.get_by_role("button", name=again).click()
    expect(student.page).to_have_url(first)
    student.sees(seen)


def test_an_uploaded_picture_is_read_and_its_address_gives_the_same_numbers(student: Student) -> None:
    student.page.get_by_label("Upload").set_input_files(EXAMPLE)
    expect(student.page).to_have_url(re.compile("#digits.pixels="))
    expect(student.page.locator(".probabilities .is-likeliest th")).to_have_text("3")
    before = student.probabilities
    student.page.reload()
    student.sees(before)


def test_what_is_no_picture_is_refused_in_words(student: Student) -> None:
    student.page.get_by_label("Upload").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"nothing"}
    )
    expect(student.page.get_by_role("alert")).to_contain_text("send a PNG or JPEG file")


def test_the_bars_are_painted_within_50_ms_of_the_pointer(student: Student) -> None:
    student.draw()
    expect(student.page.locator(".probabilities .is-likeliest")).to_be_visible()
    for _ in range(ROUNDS):  # on a machine that does something else besides, not every round is a quiet one
        times = sorted(student.page.evaluate(_MEASURE))
        print(f"from pointer to bars: p50 {statistics.median(times):.1f} ms, p95 {times[37]:.1f} ms")
        if times[37] < MILLISECONDS_AT_MOST:
            return
    raise AssertionError(f"in none of {ROUNDS} rounds were 38 of 40 points painted in {MILLISECONDS_AT_MOST} ms")


def test_a_service_that_is_gone_in_the_middle_of_its_answer_is_said_to_be_gone(student: Student) -> None:
    student.page.evaluate(
        """() => {
          window.fetch = async (address) => {
            if (String(address).endsWith("/livez")) throw new TypeError("nobody is there");
            return new Response(new ReadableStream({}));
          };
        }"""
    )
    student.draw()
    expect(student.page.get_by_text("The service does not answer.")).to_be_visible()


def test_the_page_says_that_the_service_is_gone_keeps_the_drawing_and_goes_on_by_itself(
    student: Student, service: Service
) -> None:
    student.draw(THREE[:6])
    expect(student.page.locator(".probabilities .is-likeliest")).to_be_visible()
    (api,) = [each for each in psutil.Process(service.process.pid).children() if "api" in each.cmdline()]
    api.suspend()  # takes connections and answers none
    try:
        student.draw(THREE[5:])
        expect(student.page.get_by_text("The service does not answer.")).to_be_visible()
    finally:
        api.kill()
        api.wait()
    expect(student.page.get_by_text("The service does not answer.")).to_be_hidden(timeout=30_000)
    expect(student.page.locator(".probabilities .is-likeliest th")).to_have_text("3")
    assert httpx.get(f"{service.url}/livez").status_code == 200
