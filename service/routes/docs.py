"""The contract to read and to try, served from here alone; and a word on every kind of problem."""

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from service.answers import json_response
from service.errors import HTTP_PROBLEMS, PROBLEMS
from service.routes.access import problems

router = APIRouter(tags=["service"])

_PAGE = FilePath(__file__).parent.parent / "web" / "docs.html"
_KINDS = {problem.slug: problem for problem in (*PROBLEMS.values(), *HTTP_PROBLEMS.values())}


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Show the contract, to read and to try."""
    return FileResponse(_PAGE)


@router.get("/problems/{slug}", response_model=dict[str, Any], responses=problems(404, 422))
async def get_problem(slug: Annotated[str, Path(max_length=80)]) -> Response:
    """Tell what a problem type stands for."""
    if slug not in _KINDS:
        raise HTTPException(404)
    problem = _KINDS[slug]
    return json_response({"type": problem.type, "status": problem.status, "title": problem.title})
