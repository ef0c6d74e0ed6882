"""What browsers are told: what our pages may load, who may frame them, which other origins may read answers."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import ForbiddenOrigin, problem_of
from service.problems import problem_response

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_READ = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Request-ID",
)
_SENT = (
    "Allow",
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
_READING = ("GET", "HEAD", "OPTIONS")
_OWN_SITE = ("same-origin", "none")  # none: it was the user, not a page
_FOREIGN = "A page of another origin may only look; to do more, its origin has to be in PATCHCLAMP_CORS_ORIGINS."
_FORBIDDEN = "Only scripts of the origins in PATCHCLAMP_CORS_ORIGINS may ask, with the methods and headers named here."
_PAGES_LOAD = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'"


class ForeignPages:
    """Refuses what pages of other origins than the given ones would have a visitor's browser change here.

    Browsers send a form, or a script's plain post, to any address without asking first; where nobody needs a key, all
    that comes from this machine would be done. Whatever is no browser says nothing of an origin, and is let in.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and scope["method"] not in _READING and self._is_foreign(Headers(scope=scope)):
            await problem_response(problem_of(ForbiddenOrigin(_FOREIGN)))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers) -> bool:
        """By the browser's own word, which pages cannot change; browsers without such a word name the origin alone."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if "*" in self._origins or origin in self._origins:
            return False
        if site is not None:
            return site not in _OWN_SITE
        return origin is not None and origin.partition("://")[2] != headers.get("host")


class Guard:
    """Puts on every response what keeps a browser from doing more with it than we mean.

    A page takes scripts and styles from files of ours alone, never from its own text. A route may set one of these
    headers itself, as pictures do to be shown by other sites.
    """

    def __init__(self, app: ASGIApp, frame_ancestors: Collection[str]) -> None:
        self._app = app
        framing = ("'self'", *frame_ancestors)
        headers = {
            "Content-Security-Policy": f"{_PAGES_LOAD}; frame-ancestors {' '.join(framing)}",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",  # addresses may carry a token
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        self._headers = Headers(headers).raw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                given = {name for name, _ in headers}
                message["headers"] = [*headers, *(header for header in self._headers if header[0] not in given)]
            await send(message)

        await self._app(scope, receive, guarded)


class OtherOrigins(CORSMiddleware):
    """Lets scripts of the given origins read answers, refusals among them."""

    def __init__(self, app: ASGIApp, origins: Collection[str], credentials: bool) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_READ,
            expose_headers=_SENT,
            allow_credentials=credentials,
            allow_private_network=True,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to the browser's question; a refusal in the form of all others, not in plain text."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        told = {name: value for name, value in answer.headers.items() if name.startswith(("access-control-", "vary"))}
        return problem_response(problem_of(ForbiddenOrigin(_FORBIDDEN)), told)
