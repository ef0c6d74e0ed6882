"""What is a fault of the service, and what only the end of a client's patience."""

import logging
from typing import Any

import anyio
import pytest
from anyio import BrokenResourceError

from service.problems import Faults


def serve(fault: Exception) -> list[dict[str, Any]]:
    """The messages of an answer in whose middle this happens."""
    sent: list[dict[str, Any]] = []

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise fault

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    anyio.run(Faults(answer), {"type": "http", "method": "GET"}, receive, send)
    return sent


def test_a_client_that_leaves_while_an_event_is_on_its_way_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    serve(ExceptionGroup("of a task group", [BrokenResourceError()]))
    assert [record.levelname for record in caplog.records] == ["INFO"]


@pytest.mark.parametrize("fault", [ValueError(), ExceptionGroup("", [BrokenResourceError(), ValueError()])])
def test_what_else_happens_in_mid_answer_is_a_fault(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(type(fault)):
        serve(fault)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
