"""Who comes in: the key or token of a request, and whether anybody needs one."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import database
from service.errors import InvalidKey, KeyNeeded
from service.keys import PREFIX, Keyring, owner
from service.principals import ANYBODY, Principal
from service.settings import InvalidSettings, Settings
from service.tokens import ADDRESS_SECONDS, PortalTokens


class Admission:
    """Says who is asking. Keys are needed from the moment the first is made, and wherever a portal signs tokens."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self._keyring = Keyring(engine)
        self._portal = PortalTokens(settings) if settings.portal_jwks else None

    async def caller(self, credentials: str | None, address_token: str | None) -> Principal:
        """Whoever sends these credentials, or has this token in the address.

        Raises:
            KeyNeeded: There is neither.
            InvalidKey: They are nobody's.
            PortalUnavailable: The portal's keys are needed and cannot be had.
        """
        known = await self._keyring.known()
        if self._portal is None and not known:
            return ANYBODY
        if credentials is not None:
            if credentials.startswith(PREFIX):
                return owner(credentials, known)
            return await self._of_portal(credentials)
        if address_token is not None:
            if address_token.startswith(PREFIX):
                raise InvalidKey("A key does not belong into an address, where others see it; send it as a header.")
            return await self._of_portal(address_token, ADDRESS_SECONDS)
        raise KeyNeeded("This needs a key: send the header Authorization: Bearer KEY. Your lecturer gives you one.")

    async def _of_portal(self, token: str, longest_seconds: float | None = None) -> Principal:
        if self._portal is None:
            raise InvalidKey(f"This is no key of this service; those begin with {PREFIX}.")
        return await self._portal.principal(token, longest_seconds)


class PrivateAnswers:
    """Keeps what is answered to somebody in particular out of caches that others share."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""

        async def private(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get("state", {}).get("is_private"):
                others = [header for header in message["headers"] if header[0] != b"cache-control"]
                told = [value for name, value in message["headers"] if name == b"cache-control"]
                kept = filter(_may_stay, (each.strip() for value in told for each in value.split(b",")))
                message["headers"] = [*others, (b"cache-control", b", ".join([b"private", *kept]))]
            await send(message)

        await self._app(scope, receive, private)


def _may_stay(directive: bytes) -> bool:
    return bool(directive) and directive not in (b"public", b"private")


def refuse_strangers(settings: Settings) -> None:
    """Refuses to listen beyond this machine while nobody needs a key.

    Raises:
        InvalidSettings: These settings would let everybody in, and do not say that they mean it.
    """
    if settings.is_local or settings.open_access or settings.portal_jwks:
        return
    try:
        is_guarded = has_keys(settings)
    except SQLAlchemyError as error:
        raise InvalidSettings(
            "PATCHCLAMP_HOST lets others reach this machine, and whether they need a key cannot be seen: the database "
            f"does not answer ({type(error).__name__}). See that it runs and that PATCHCLAMP_DATABASE_URL is right."
        ) from error
    if not is_guarded:
        raise InvalidSettings(
            "Nobody needs a key here, so PATCHCLAMP_HOST may only be an address of this machine such as 127.0.0.1. "
            "Make a first key with `patchclamp keys make NAME --role admin`, or, to let everybody who reaches this "
            "machine use it, set PATCHCLAMP_OPEN_ACCESS=true."
        )


def has_keys(settings: Settings) -> bool:
    """Whether a key was ever made; reads only, and makes no database."""
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return False
    engine = database.connect(settings.database_url)
    try:
        with engine.connect() as connection:
            table = database.keys
            return sa.inspect(connection).has_table(table.name) and bool(
                connection.scalar(sa.select(sa.exists(sa.select(table.c.id))))
            )
    finally:
        engine.dispose()
