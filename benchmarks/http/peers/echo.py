"""The floor: uvicorn reads the body and answers as many bytes as the address says (`/300`), and does nothing else."""

from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serves one request."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    answer = b" " * int(scope["path"][1:] or 0)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
