"""The lab page, and each of its panels alone for other pages to frame."""

import os
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

router = APIRouter(tags=["service"], include_in_schema=False)

PANELS = ("digits", "unit", "memory", "jobs")
"""What the lab page consists of; each name is that of its module in `web/page/`."""

WEB = Path(__file__).parent.parent / "web"
_PAGE = WEB / "page" / "index.html"


@router.get("/")
async def lab_page() -> Response:
    """Show the lab."""
    return FileResponse(_PAGE)


@router.get("/embed/{panel}")
async def panel_alone(panel: str) -> Response:
    """Show one panel; `?chrome=none` leaves out all around it."""
    if panel not in PANELS:
        raise HTTPException(404)
    return FileResponse(_PAGE)


def web_files() -> ASGIApp:
    """All that pages load, compressed on the way."""
    return GZipMiddleware(_Files(directory=WEB))


class _Files(StaticFiles):
    """Files that are asked for anew at each visit (304 where nothing changed): no new module meets an old one."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response
