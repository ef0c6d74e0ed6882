"""Answers that their address determines."""

from types import SimpleNamespace
from typing import NoReturn

import pytest
from PIL import Image
from starlette.requests import Request

from service.answers import ASKED_AGAIN, Reply, Wanted
from service.operations.answered import Answered
from service.rendering.rendering import Rendering

PICTURE = Rendering("dot", "A dot", "A black dot", lambda: Image.new("L", (1, 1)))
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def reply(build: str = "this", query: bytes = b"", rendering: str | None = None, **headers: str) -> Reply:
    """The reply to a GET with these headers."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    app = SimpleNamespace(state=SimpleNamespace(build=build))
    request = Request({"type": "http", "method": "GET", "headers": given, "query_string": query, "app": app})
    return Reply(request, Wanted(rendering=rendering))


def answered() -> Answered:
    return Answered({"number": 1}, lambda: [PICTURE])


def nobody() -> NoReturn:
    raise AssertionError("this was computed")


@pytest.mark.parametrize("accept", ["application/json", CHROME])
def test_nothing_is_computed_for_a_client_that_has_it(accept: str) -> None:
    tag = reply(accept=accept).determined(["x", 1], answered).headers["etag"]
    for known in (tag, f'"other", W/{tag}'):
        again = reply(accept=accept, if_none_match=known).determined(["x", 1], nobody)
        assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", tag)
    with pytest.raises(AssertionError, match="computed"):
        reply(accept=accept, if_none_match=tag).determined(["x", 2], nobody)


def test_whatever_can_change_the_bytes_changes_the_tag() -> None:
    replies = (
        reply(),
        reply(build="another"),
        reply(accept=CHROME),
        reply(rendering="dot"),
        Reply(reply_request(), Wanted(renderings="none")),
    )
    tags = [each.determined(["x", 1], answered).headers["etag"] for each in replies]
    assert len(set(tags)) == len(tags)
    assert not any(tag.startswith("W/") for tag in tags)


def reply_request() -> Request:
    app = SimpleNamespace(state=SimpleNamespace(build="this"))
    return Request({"type": "http", "method": "GET", "headers": [], "query_string": b"", "app": app})


def test_an_answer_to_somebody_is_kept_by_their_browser_alone() -> None:
    assert reply().determined(1, answered).headers["cache-control"] == "max-age=86400"
    for known in (reply(authorization="Bearer x"), reply(query=b"access_token=x")):
        assert known.determined(1, answered).headers["cache-control"] == "private, max-age=86400"
        assert known.determined(1, answered, ASKED_AGAIN).headers["cache-control"] == "private, no-cache"
        assert "Authorization" in known.determined(1, answered).headers["vary"]


def test_other_sites_may_show_the_pictures_but_not_read_the_numbers() -> None:
    picture = reply(accept=CHROME).determined(1, answered)
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    again = reply(accept=CHROME, if_none_match=picture.headers["etag"]).determined(1, nobody)
    assert again.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "cross-origin-resource-policy" not in reply().determined(1, answered).headers
