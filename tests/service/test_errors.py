"""The one table from errors to problems."""

import re

import pytest

from models.errors import LabError
from service.errors import HTTP_PROBLEMS, PROBLEMS, InvalidRequest, ServiceError, problem_of


def subclasses(error: type[Exception]) -> set[type[Exception]]:
    """All classes below this one."""
    return {each for child in error.__subclasses__() for each in {child, *subclasses(child)}}


def by_name(error: type[Exception]) -> str:
    return error.__name__


@pytest.mark.parametrize("error", sorted(subclasses(LabError) | subclasses(ServiceError), key=by_name), ids=by_name)
def test_every_error_raised_on_purpose_has_its_problem(error: type[Exception]) -> None:
    assert error in PROBLEMS


def test_the_walk_over_the_errors_finds_them() -> None:
    class Below(ServiceError):
        """A new error that nobody mapped."""

    assert Below in subclasses(ServiceError)
    assert Below not in PROBLEMS


def test_problem_types_are_distinct_and_fit_into_a_uri() -> None:
    problems = [*PROBLEMS.values(), *HTTP_PROBLEMS.values()]
    assert len({problem.slug for problem in problems}) == len(problems)
    for problem in problems:
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", problem.slug)
        assert 400 <= problem.status < 600
        assert problem.title


def test_an_error_becomes_a_problem_with_its_sentence_and_its_pointer() -> None:
    error = next(iter(PROBLEMS))("Choose a unit from 0 to 9.", "/unit")  # type: ignore[call-arg]
    document = problem_of(error)  # type: ignore[arg-type]
    problem = PROBLEMS[type(error)]
    assert document == {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": "Choose a unit from 0 to 9.",
        "errors": [{"pointer": "/unit", "detail": "Choose a unit from 0 to 9."}],
    }


def test_an_error_that_blames_no_field_has_no_list_of_errors() -> None:
    error = next(iter(PROBLEMS))("Try again.")
    assert "errors" not in problem_of(error)  # type: ignore[arg-type]


def test_an_invalid_request_tells_each_field() -> None:
    errors = [{"pointer": "/a", "detail": "First."}, {"pointer": "/b", "detail": "Second."}]
    assert problem_of(InvalidRequest("Two fields.", errors))["errors"] == errors
