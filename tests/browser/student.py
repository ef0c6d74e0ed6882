"""What a student does at the page, and all that the browser complains about meanwhile."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.service_process import Service
from tests.waiting import until

# A three, in shares of the sheet's side.
THREE = (
    *((0.30, 0.25), (0.40, 0.17), (0.55, 0.17), (0.66, 0.27), (0.62, 0.40), (0.48, 0.47)),
    *((0.62, 0.52), (0.70, 0.64), (0.63, 0.78), (0.48, 0.84), (0.32, 0.78)),
)
_REFUSED = "Failed to load resource"  # what Chromium says of each status from 400 on, which the page shows in words


class Student:
    """Somebody before a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    @contextmanager
    def before(cls, browser: Browser, service: Service, **options: Any) -> Iterator["Student"]:
        """A student before a new window; afterwards the browser must have had nothing to complain about."""
        settings = {
            "viewport": {"width": 1280, "height": 900},
            "base_url": service.url,
            "permissions": ["clipboard-read", "clipboard-write"],
            **options,
        }
        with browser.new_context(**settings) as context:
            context.set_default_timeout(10_000)
            student = cls(context.new_page())
            yield student
            assert student.complaints == []

    @property
    def sheet(self) -> Locator:
        """Where is drawn."""
        return self.page.get_by_role("application", name="Drawing surface")

    @property
    def verdict(self) -> Locator:
        """What the network takes the drawing for."""
        return self.page.locator(".verdict")

    @property
    def probabilities(self) -> list[str]:
        """The ten probabilities of the drawing as it is now."""
        expect(self.page.locator(".reads")).to_have_attribute("aria-busy", "false")
        return self.page.locator(".probabilities .share").all_inner_texts()

    def sees(self, probabilities: list[str]) -> None:
        """Waits until these are the ten probabilities that are shown."""
        expect(self.page.locator(".probabilities .share")).to_have_text(probabilities)

    def draw(self, points: Sequence[tuple[float, float]] = THREE) -> None:
        """Draws one stroke with the mouse."""
        box = self.sheet.bounding_box()
        assert box is not None
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up()

    def layer(self, title: str) -> Locator:
        """The cells of a layer."""
        return self.page.get_by_role("grid", name=f"{title}:")

    def press(self, *keys: str) -> None:
        """Presses keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, target: Locator) -> None:
        """Goes with Tab from where the focus is until `target` has it, as who has no mouse must."""
        for _ in range(60):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("Tab never gets there")

    def find_stimulus(self) -> str:
        """Lets the preferred stimulus be sought; what the page says of it."""
        self.page.get_by_role("button", name="Find its stimulus").click()
        return self.told()

    def told(self) -> str:
        """What the page says of a stimulus once it is found."""
        sentence = self.page.locator(".stimulus .sentence")
        expect(sentence).to_contain_text("its rank went", timeout=60_000)
        return sentence.inner_text()

    def hold(self, gate: str, value: float) -> None:
        """Holds a gate with its slider; what the page says of it."""
        self.page.get_by_role("slider", name=f"{gate} held at").fill(str(value))
        expect(self.page.locator(".stage")).to_contain_text(f"{gate} · held at")

    def train_memories(self, networks: int = 2) -> None:
        """Trains memory networks of seed 1."""
        self.page.get_by_label("Side by side").fill(str(networks))
        self.page.locator(".memory form").get_by_text("More", exact=True).click()
        self.page.locator(".memory form").get_by_label("Seed").fill("1")
        self.page.get_by_role("button", name="Train", exact=True).click()
        expect(self.page.get_by_role("button", name="Show the network")).to_have_count(networks, timeout=60_000)

    def copied_call(self, panel: str, tongue: str) -> str:
        """The call that is open under a panel, in curl or Python, as the page copies it."""
        take = self.page.locator(f".{panel} .take")
        take.get_by_role("button", name=tongue, exact=True).click()
        copied = ""

        def is_what_is_shown() -> bool:  # which changes while the page still asks anew, as after a training
            nonlocal copied
            self.page.evaluate("navigator.clipboard.writeText('')")
            take.get_by_role("button", name="Copy call").click()
            copied = self.page.wait_for_function("() => navigator.clipboard.readText()").json_value()
            return copied == take.locator("pre").text_content()

        until(is_what_is_shown)
        return copied

    def submit(self, path: str, body: Mapping[str, Any], is_awaited: bool = True) -> str:
        """Submits a job past the page, as a script does, and waits for its end; the job's id."""
        headers = {"Prefer": "wait=60"} if is_awaited else {}
        answer = self.page.request.post(f"{path}?renderings=none", data=dict(body), headers=headers)
        assert answer.ok, answer.text()
        return answer.json()["id"]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and _REFUSED not in message.text:
            self.complaints.append(message.text)


def run(call: str, **environment: str) -> str:
    """What a copied call prints, run by Python where it begins with an import, else by the shell."""
    program = [sys.executable, "-c"] if call.startswith("import ") else ["bash", "-c"]
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ran = subprocess.run(
        [*program, call], check=True, stdout=subprocess.PIPE, text=True, timeout=90, env={**inherited, **environment}
    )
    return ran.stdout
