"""What holds for the whole page: for everybody, at every size, with a key, in other pages, to take along."""

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, expect

from models.digits import Digits
from service.routes.pages import PANELS
from tests.browser.student import Student, run
from tests.service_process import Service

BYTES_AT_MOST = 150_000


def fill(student: Student, panel: str) -> None:
    """Brings a panel to where it has most to show."""
    student.page.goto(f"/#{panel}")
    if panel == "digits":
        student.draw()
        expect(student.verdict).to_contain_text("3")
    if panel == "unit":
        student.find_stimulus()
        student.page.get_by_role("button", name="Ask me").click()
        expect(student.layer("y after")).to_be_visible(timeout=30_000)
    if panel == "memory":
        student.hold("Forget gate", 0)
        student.train_memories()
    if panel == "jobs":
        student.submit("/lstm/train", {"networks": 2, "keep": "all", "max_steps": 500})
        student.submit("/cnn/tune", {"layer": "y", "unit": 3, "starts": 8, "steps": 50})
        student.page.reload()
        student.page.get_by_role("button", name="Open", exact=True).first.click()
        expect(student.page.locator(".pictures img").first).to_be_visible()
        student.page.get_by_role("button", name="Networks:").first.click()
        student.page.get_by_role("list", name="Networks of").get_by_role("button", name="More:").first.click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("panel", PANELS)
def test_axe_finds_nothing_against_a_panel_that_is_full_and_open(
    panel: str, scheme: str, browser: Browser, service: Service
) -> None:
    with Student.before(browser, service, color_scheme=scheme) as student:
        fill(student, panel)
        if scheme == "light":  # the thousands of numbers that are then open take axe their time
            everything = student.page.locator(f".panel.{panel} details")
            everything.evaluate_all("all => all.forEach(each => (each.open = true))")
        found = Axe().run(student.page)
        assert found.violations_count == 0, found.generate_report()


# What is in a panel last, of each question that it asks by itself.
THERE = {
    "digits": ["option[value='digit-net-best']"],
    "unit": ["option[value='digit-net-best']", "svg[aria-label^='Tuning curve: mean']", ".box:not([hidden])"],
    "memory": [".told td", "svg[aria-label^='Horizon: memory']", ".lesions td", ".checks label"],
    "jobs": [".models li"],
}


@pytest.mark.parametrize("width", [360, 768, 1280, 1600])
def test_no_panel_is_wider_than_its_window(width: int, browser: Browser, service: Service, digits: Digits) -> None:
    with Student.before(browser, service, viewport={"width": width, "height": 800}) as student:
        for panel in PANELS:
            student.page.goto(f"/#{panel}")
            expect(student.page.locator(f".panel.{panel}")).to_be_visible()
            for there in THERE[panel]:
                expect(student.page.locator(f".panel.{panel} {there}").first).to_be_attached()
            assert student.page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_moves_for_who_wants_no_motion(browser: Browser, service: Service) -> None:
    with Student.before(browser, service, reduced_motion="reduce") as student:
        student.page.goto("/")
        moving = "Array.from(document.querySelectorAll('*')).filter((each) => parseFloat(getComputedStyle(each)"
        assert student.page.evaluate(f"{moving}.transitionDuration) > 0).length") == 0
        assert student.page.evaluate("document.getAnimations().length") == 0


def test_all_that_the_browser_fetches_for_the_page_comes_from_here_and_weighs_little(
    student: Student, service: Service
) -> None:
    fetched: list[Request] = []
    student.page.on("requestfinished", lambda request: fetched.append(request))
    student.page.goto("/")
    student.page.wait_for_load_state("networkidle")
    assert all(request.url.startswith(service.url) for request in fetched)
    page = [request for request in fetched if not request.url.endswith("/models")]
    assert len(page) > 10
    assert sum(request.sizes()["responseBodySize"] for request in page) < BYTES_AT_MOST


def test_the_content_security_policy_would_tell_of_a_script_or_style_in_the_text(student: Student) -> None:
    student.page.goto("/")
    student.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" onclick=\"1\">x</p>')"
    )
    assert any("Content Security Policy" in complaint for complaint in student.complaints)
    student.complaints.clear()


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_stands_alone_with_or_without_what_is_around_it(panel: str, student: Student) -> None:
    student.page.goto(f"/embed/{panel}")
    expect(student.page.get_by_role("heading", name="Patchclamp")).to_be_visible()
    expect(student.page.get_by_role("navigation")).to_be_hidden()
    student.page.goto(f"/embed/{panel}?chrome=none")
    expect(student.page.get_by_role("heading", name="Patchclamp")).to_be_hidden()
    expect(student.page.locator(f".panel.{panel} .body")).to_be_visible()
    expect(student.page.locator(".panel")).to_have_count(1)


def test_a_page_of_the_same_origin_frames_a_panel_with_its_parameters(student: Student) -> None:
    student.page.goto("/")
    student.page.evaluate(
        """() => { const frame = document.createElement("iframe"); frame.title = "panel"; frame.width = 800;
        frame.src = "/embed/unit?chrome=none&layer=l3&unit=7"; document.body.append(frame); }"""
    )
    panel = student.page.frame_locator("iframe")
    expect(panel.get_by_role("spinbutton", name="Unit")).to_have_value("7")
    expect(panel.get_by_label("Layer", exact=True).first).to_have_value("l3")


def test_a_key_is_asked_for_calmly_kept_in_the_tab_and_sent(student: Student) -> None:
    sent: list[str | None] = []

    def answer(route: Route) -> None:
        key = route.request.headers.get("authorization")
        sent.append(key)
        if key == "Bearer right":
            route.continue_()
            return
        problem = {"type": "/problems/unauthorized", "title": "x", "status": 401, "detail": "Send a key."}
        route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))

    student.page.route("**/models", answer)
    student.page.route("**/cnn/**", answer)
    student.page.goto("/")
    expect(student.page.get_by_text("This service wants a key.")).to_be_visible()
    student.page.get_by_label("Key", exact=True).fill("wrong")
    student.press("Enter")
    expect(student.page.get_by_text("does not take this key")).to_be_visible()
    student.page.get_by_label("Key", exact=True).fill("right")
    student.press("Enter")
    expect(student.page.get_by_role("option", name="digit-net (default)").first).to_be_attached()
    student.draw()
    expect(student.verdict).to_contain_text("3")
    assert sent[:2] == [None, "Bearer wrong"]
    student.page.locator(".digits .take > summary").click()
    expect(student.page.locator(".digits pre")).to_contain_text("Authorization: Bearer $PATCHCLAMP_KEY")
    assert "right" not in student.page.locator(".digits pre").inner_text()
    student.page.reload()
    expect(student.verdict).to_contain_text("3")


OFFERS = {
    "digits": ["Activity"],
    "unit": ["Preferred stimulus", "Quiz", "Receptive field", "Tuning curve"],
    "memory": ["Horizon", "Lesions", "Training", "Trial"],
    "jobs": ["Jobs", "Models", "Result"],
}


@pytest.mark.parametrize("panel", PANELS)
def test_every_call_of_a_panel_runs_as_copied_in_curl_and_in_python_and_every_picture_comes(
    panel: str, student: Student, request: pytest.FixtureRequest
) -> None:
    if panel == "unit":  # which measures its tuning curve over digits
        request.getfixturevalue("digits")
    fill(student, panel)
    take = student.page.locator(f".{panel} .take")
    take.get_by_text("The call, a link, the data").click()
    choice = take.get_by_label("Of what")
    for offer in OFFERS[panel]:
        expect(choice.locator("option", has_text=offer)).to_be_attached()
    expect(choice.locator("option")).to_have_count(len(OFFERS[panel]))
    for offer in OFFERS[panel]:
        choice.select_option(offer, force=True)
        answered = json.loads(run(student.copied_call(panel, "curl")))
        assert answered.get("status", "succeeded") == "succeeded", offer
        assert run(student.copied_call(panel, "Python")) == f"{answered.keys()}\n"
        for name in take.get_by_label("Picture").locator("option").all_inner_texts():
            take.get_by_label("Picture").select_option(name)
            with student.page.expect_download() as download:
                take.get_by_role("button", name="Download PNG").click()
            assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_call_of_a_drawing_and_its_file_give_what_is_shown(student: Student) -> None:
    fill(student, "digits")
    take = student.page.locator(".digits .take")
    take.get_by_text("The call, a link, the data").click()
    answered = json.loads(run(student.copied_call("digits", "curl")))
    assert f"{100 * answered['prediction']['probabilities'][3]:.1f} %" == student.probabilities[3]
    with student.page.expect_download() as download:
        take.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "cnn-activations.json"
    assert json.loads(Path(download.value.path()).read_text()) == answered


def test_a_copied_link_brings_back_what_is_shown(student: Student) -> None:
    fill(student, "digits")
    seen = student.probabilities
    student.page.locator(".digits .take > summary").click()
    student.page.get_by_role("button", name="Copy link").click()
    expect(student.page.get_by_text("The link is copied.")).to_be_visible()
    link = student.page.evaluate("navigator.clipboard.readText()")
    student.page.goto("about:blank")
    student.page.goto(link)
    student.sees(seen)


def test_a_call_is_copied_over_plain_http_too_where_browsers_have_no_clipboard_for_scripts(student: Student) -> None:
    page = student.page
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto("/?#memory")
    expect(page.locator(".told .sentence")).to_contain_text("R²")
    page.locator(".memory .take > summary").click()
    copy = page.locator(".memory .take").get_by_role("button", name="Copy call")
    copy.press("Enter")
    expect(page.get_by_text("The call is copied.")).to_be_visible()
    expect(copy).to_be_focused()
    page.get_by_label("Name").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Name")).to_have_value(re.compile("^curl -sS"))


def test_links_lead_from_panel_to_panel_and_back_without_losing_anything(student: Student) -> None:
    fill(student, "digits")
    expect(student.page).to_have_url(re.compile("strokes="))
    drawn = student.page.url
    student.page.get_by_role("link", name="A unit").click()
    expect(student.page.get_by_role("heading", name="A unit", exact=True)).to_be_visible()
    assert "aria-current" in _attributes(student.page, "A unit")
    student.page.get_by_role("link", name="Digits").click()
    assert student.page.url == drawn
    expect(student.verdict).to_contain_text("3")


def _attributes(page: Page, link: str) -> list[str]:
    return page.get_by_role("link", name=link).evaluate("each => each.getAttributeNames()")


def test_a_panel_that_still_answers_does_not_take_the_address_from_the_one_that_was_asked_for(student: Student) -> None:
    page = student.page
    page.goto("/#memory")
    expect(page.locator(".told .sentence")).to_contain_text("R² 1.00")
    delay = page.get_by_role("slider", name="Delay from memorize to report")
    delay.evaluate(  # the address has changed, but nobody was told of it yet
        "each => { location.hash = '#jobs'; each.dispatchEvent(new Event('input')); }"
    )
    expect(page.get_by_role("heading", name="Jobs and models", exact=True)).to_be_visible()
    page.get_by_role("link", name="Memory").click()
    expect(page).to_have_url(re.compile("#memory.delay=15"))


def test_a_damaged_link_is_said_to_be_one(student: Student) -> None:
    student.page.goto("/#digits?strokes=!")
    expect(student.page.get_by_role("alert")).to_contain_text("This link is damaged")
    student.draw()
    expect(student.verdict).to_contain_text("3")


def test_who_asks_too_often_is_told_and_the_answer_comes_when_it_may(student: Student) -> None:
    detail = "You ask more often than is allowed; wait a second."
    problem = {"type": "/problems/too-many-requests", "title": "x", "status": 429, "detail": detail}

    def refuse(route: Route) -> None:
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        route.fulfill(status=429, headers=headers, body=json.dumps(problem))

    student.page.route("**/cnn/activations*", refuse, times=1)
    student.page.goto("/")
    student.draw()
    expect(student.page.get_by_role("alert")).to_contain_text(detail)
    expect(student.verdict).to_contain_text("3")
    expect(student.page.get_by_role("alert")).to_be_hidden()


def test_the_first_opening_loads_its_own_panel_alone_and_less_than_150_kb_as_written(student: Student) -> None:
    fetched: list[Request] = []
    student.page.on("requestfinished", lambda request: fetched.append(request))
    student.page.goto("/")
    student.page.wait_for_load_state("networkidle")
    sizes = {request.url.rpartition("/")[2]: len(_body(request)) for request in fetched}
    assert sizes["digits.js"] > 1000
    assert not sizes.keys() & {"unit.js", "memory.js", "jobs.js"}
    assert sum(sizes.values()) < BYTES_AT_MOST
    student.page.get_by_role("link", name="Memory").click()
    expect(student.page.get_by_role("heading", name="Memory", exact=True)).to_be_visible()
    assert any(request.url.endswith("/memory.js") for request in fetched)


def _body(request: Request) -> bytes:
    response = request.response()
    assert response is not None
    return response.body()


def test_a_panel_that_is_opened_while_the_service_is_gone_comes_once_it_is_back(student: Student) -> None:
    student.page.goto("/")
    student.draw()
    expect(student.verdict).to_contain_text("3")
    student.page.route("**/*", lambda route: route.abort())
    student.page.get_by_role("link", name="Jobs and models").click()
    expect(student.page.get_by_text("The service does not answer.")).to_be_visible()
    student.draw(((0.1, 0.9), (0.9, 0.9)))  # the panel before stays, and leaves the address to the one that comes
    expect(student.page).to_have_url(re.compile("#jobs$"))
    student.page.unroute("**/*")
    expect(student.page.get_by_role("heading", name="Jobs and models", exact=True)).to_be_visible()
    expect(student.page.get_by_role("list", name="Models").get_by_role("listitem").first).to_be_visible()


def test_a_refusal_stays_until_its_cause_is_mended_or_it_is_closed(student: Student) -> None:
    page = student.page
    page.goto("/#jobs?job=00000000-0000-0000-0000-000000000000")
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("job")
    expect(page.get_by_role("list", name="Models").get_by_role("listitem").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_label("Status").select_option("failed")  # something else that is answered
    expect(page).to_have_url(re.compile("status=failed"))
    page.wait_for_load_state("networkidle")
    expect(refusal).to_be_visible()
    page.get_by_role("button", name="Close").press("Enter")
    expect(refusal).to_be_hidden()
