"""The README's tour, line by line, against the running service."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from models.digits import Digits
from tests.service_process import ROOT, Service, serving

_BLOCKS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_lines(heading: str) -> str:
    """All shell lines of the README under this heading."""
    _, _, section = (ROOT / "README.md").read_text("utf-8").partition(f"\n## {heading}\n")
    return "".join(_BLOCKS.findall(section.partition("\n## ")[0]))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that does nothing else."""
    with serving(tmp_path_factory.mktemp("readme")) as running:
        yield running


@pytest.fixture(scope="module")
def toured(service: Service, digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the tour was run, and what it printed."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "docs").symlink_to(ROOT / "docs")
    script = shell_lines("A tour with curl").replace("http://127.0.0.1:8000", service.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "pictures", done.stdout


def test_every_line_of_the_tour_works_and_every_picture_opens(toured: tuple[Path, str]) -> None:
    pictures = sorted(toured[0].glob("*.png"))
    assert len(pictures) == 28
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.format == "PNG"
            assert image.width >= 300


def test_the_api_stays_small_after_the_whole_tour(toured: tuple[Path, str], service: Service) -> None:
    (api,) = (child for child in psutil.Process(service.process.pid).children() if "api" in child.cmdline())
    assert api.memory_info().rss < 550 * 2**20


def test_the_tour_reads_the_drawn_three(toured: tuple[Path, str]) -> None:
    assert '"label":3' in toured[1].splitlines()[0] + toured[1][:2000]


def test_the_tour_follows_training_to_its_end(toured: tuple[Path, str]) -> None:
    assert "event: progress" in toured[1]
    assert "event: succeeded" in toured[1]


def test_the_tour_ends_with_a_refusal_in_words(toured: tuple[Path, str]) -> None:
    assert '"pointer":"/unit"' in toured[1]


def test_the_keys_of_the_readme_are_made_listed_and_revoked(tmp_path: Path) -> None:
    (tmp_path / "class-list.txt").write_text("anna\nbert\n")
    lines = shell_lines("Who may do what").replace("revoke 3f9c02d1a7be", "revoke $(cut -d_ -f2 keys.tsv | head -1)")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PATCHCLAMP_DATA": str(tmp_path)}
    command = ["bash", "-euo", "pipefail", "-c", lines]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((tmp_path / "keys.tsv").read_text().splitlines()) == 2
