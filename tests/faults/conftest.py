"""What the jobs of the faults' tests have to end with."""

from collections.abc import Iterator

import pytest

from models.digits import Digits
from tests.faults.chaos import undisturbed
from tests.faults.undisturbed import Undisturbed


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, digits: Digits) -> Iterator[Undisturbed]:
    """The results of all submissions, where nothing goes wrong."""
    with undisturbed(tmp_path_factory.mktemp("undisturbed")) as results:
        yield results
