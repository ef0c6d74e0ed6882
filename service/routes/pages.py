"""The lab page, and each of its panels alone for other pages to frame."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

router = APIRouter(tags=["service"], include_in_schema=False)

PANELS = ("digits", "unit", "memory")
"""What the lab page consists of; each name is that of its module in `web/page/`."""

_PAGE = Path(__file__).parent.parent / "web" / "page" / "index.html"


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
