"""HEAD, answered as GET would be."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Heads:
    """Hands a HEAD on as the GET it stands for; uvicorn, which knows what was asked, leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
