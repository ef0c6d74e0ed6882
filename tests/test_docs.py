"""What the documents say of the code is true."""

import re

import pytest

from tests.service_process import ROOT

_TESTS = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_LINKS = re.compile(r"\]\((?!https?:|#)([^)#]+)\)")


def test_every_test_named_in_the_documents_exists() -> None:
    named = [match for page in ROOT.glob("docs/**/*.md") for match in _TESTS.findall(page.read_text("utf-8"))]
    assert len(named) >= 17
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/portal.md"])
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    path = ROOT / page
    assert [link for link in _LINKS.findall(path.read_text("utf-8")) if not (path.parent / link).exists()] == []
