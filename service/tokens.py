"""Tokens that a portal signs for its users (JWT), verified with the public keys it publishes (JWKS)."""

import asyncio
import logging
import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
import orjson
from jwt import PyJWK, PyJWKSet
from starlette.concurrency import run_in_threadpool

from service.errors import InvalidKey, PortalUnavailable
from service.principals import InvalidName, Principal, Role
from service.settings import Settings

log = logging.getLogger(__name__)

# Asymmetric ones alone: with HS256 a public key would be a secret that everybody has.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 10
ADDRESS_SECONDS = 600


class PortalTokens:
    """Says whose token it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = SigningKeys(settings.portal_jwks)

    async def principal(self, token: str, longest_seconds: float | None = None) -> Principal:
        """Who the portal says they are; their token may be good for at most so many seconds more.

        Raises:
            InvalidKey: The portal has signed no such token, or not for us, or not for now.
            PortalUnavailable: Its keys cannot be had.
        """
        try:
            claims = await self._claims(token)
        except jwt.ExpiredSignatureError:
            raise InvalidKey("The token has expired; let the portal give you a new one.") from None
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise InvalidKey("The token was not made for this service, or not by its portal.") from None
        except jwt.PyJWTError as error:
            log.info("a token is refused: %s", type(error).__name__)
            raise InvalidKey("The token is not valid here; let the portal give you a new one.") from None
        if longest_seconds is not None and claims["exp"] - time.time() > longest_seconds + LEEWAY_SECONDS:
            raise InvalidKey(f"A token in an address has to expire within {longest_seconds:g} s: others may see it.")
        return self._named(claims)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        key = await self._keys.key(header.get("kid"))
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=self._settings.portal_audience,
            issuer=self._settings.portal_issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )

    def _named(self, claims: Mapping[str, Any]) -> Principal:
        settings = self._settings
        name, course = claims.get(settings.portal_subject_claim), claims.get(settings.portal_course_claim, "")
        if not isinstance(name, str) or not isinstance(course, str):
            raise InvalidKey("The token does not say who you are in the way that was agreed with the portal.")
        try:
            return Principal.of(name, course, self._role(claims.get(settings.portal_role_claim)))
        except InvalidName:
            raise InvalidKey("The token names somebody who cannot be called so here.") from None

    def _role(self, told: Any) -> Role:
        """The strongest role of those told; who has none that we know is a student."""
        words = [each for each in (told if isinstance(told, list) else [told]) if isinstance(each, str)]
        roles = {self._settings.portal_roles.get(word) for word in words}
        return "admin" if "admin" in roles else "lecturer" if "lecturer" in roles else "student"


class SigningKeys:
    """The portal's public keys by their ids, from a URL or a file.

    They are fetched anew when a token names one that is not among them, yet at most every `pause_seconds`, and when
    they are `lasting_seconds` old. While the portal does not answer, those known go on being good, and it is asked no
    more often.
    """

    def __init__(self, source: str, pause_seconds: float = 10, lasting_seconds: float = 300) -> None:
        self._source = source
        self._pause_seconds, self._lasting_seconds = pause_seconds, lasting_seconds
        self._known: Mapping[str, PyJWK] = {}
        self._asked_at = self._read_at = -float("inf")
        self._has_failed = False
        self._asking = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None) -> PyJWK:
        """The key of this id.

        Raises:
            InvalidKeyError: There is none.
            PortalUnavailable: There may be one, but the portal cannot be asked.
        """
        if key_id is None:
            raise jwt.InvalidKeyError("no kid")
        if key_id not in self._known:
            await self._ask()
        elif time.monotonic() - self._read_at > self._lasting_seconds and not self._asking.locked():
            self._renewal = asyncio.create_task(self._ask())
        if key := self._known.get(key_id):
            return key
        if self._has_failed:
            raise PortalUnavailable("The portal's keys cannot be had at the moment; try again in a while.")
        raise jwt.InvalidKeyError("unknown kid")

    async def _ask(self) -> None:
        async with self._asking:
            if time.monotonic() - self._asked_at < self._pause_seconds:
                return
            try:
                self._known = await run_in_threadpool(_read, self._source)
                self._has_failed, self._read_at = False, time.monotonic()
            except (OSError, HTTPException, ValueError, jwt.PyJWTError) as error:
                log.warning("the portal's keys cannot be read from %s: %s", self._source, error)
                self._has_failed = True
            self._asked_at = time.monotonic()


def _read(source: str) -> dict[str, PyJWK]:
    content = _fetched(source) if source.startswith(("https://", "http://")) else Path(source).read_bytes()
    published = orjson.loads(content)
    if not isinstance(published, dict):
        raise ValueError("no JSON object")
    keys = PyJWKSet.from_dict(published).keys
    return {key.key_id: key for key in keys if key.key_id and key.algorithm_name in ALGORITHMS}


class _NoRedirects(HTTPRedirectHandler):
    """Stays where the settings say."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """Follows none."""


def _fetched(url: str) -> bytes:
    try:
        with build_opener(_NoRedirects).open(url, timeout=5) as answer:
            return answer.read(1_000_000)
    except HTTPError as refusal:
        refusal.close()
        raise
