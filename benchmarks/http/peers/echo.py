"""Floors: the body is read, as many bytes as the address says (`/300`) are the answer, and nothing else is done."""

from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response

in_fastapi = FastAPI()


@in_fastapi.post("/{size}")
async def echo(request: Request, size: Annotated[int, Path(ge=0)]) -> Response:
    """What a service in FastAPI cannot undercut."""
    await request.body()
    return Response(b" " * size, media_type="application/json")


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """What no service in uvicorn can undercut."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    answer = b" " * int(scope["path"][1:] or 0)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
