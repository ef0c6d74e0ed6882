"""A student's browser: a real Chromium before a real service, in which nothing may go wrong unseen."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.student import Student
from tests.conftest import leave_out
from tests.service_process import Service, serving

expect.set_options(timeout=15_000)


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        leave_out("chromium", "install Chromium (Debian: apt-get install chromium)")
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture
def student(browser: Browser, service: Service) -> Iterator[Student]:
    """A student with mouse and keyboard at a laptop."""
    with Student.before(browser, service) as student:
        yield student


@pytest.fixture
def page(student: Student) -> Page:
    return student.page
