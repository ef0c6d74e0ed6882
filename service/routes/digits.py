"""The digits that `sample` names."""

from typing import Annotated, Literal

from fastapi import Path, Query, Response

from service.answers import Replies
from service.operations import digits
from service.routes.access import LabOfProcess, guarded_router, pictured
from service.schemas.models import DigitAnswer, DigitList

router = guarded_router("digits", "/digits")

Split = Literal["train", "test"]


@router.get("", responses=pictured(DigitList, 503))
def list_digits(
    reply: Replies,
    lab: LabOfProcess,
    split: Split = "test",
    label: Annotated[int | None, Query(ge=0, le=9)] = None,
    limit: Annotated[int, Query(ge=1, le=256)] = 50,
    cursor: Annotated[int, Query(ge=0, le=60_000, description="`next` of the page before.")] = 0,
) -> Response:
    """List digits of a split in order, on request those of one label, with a sheet that shows them."""
    by = ["digits", split, label, limit, cursor]
    return reply.determined(by, lambda: digits.page(lab, split, label, limit, cursor))


@router.get("/{split}/{index}", responses=pictured(DigitAnswer, 404, 503))
def get_digit(split: Split, index: Annotated[int, Path(ge=0, le=2**31)], reply: Replies, lab: LabOfProcess) -> Response:
    """Show one digit."""
    return reply.determined(["digit", split, index], lambda: digits.one(lab, split, index))
