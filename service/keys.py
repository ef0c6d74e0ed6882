"""Keys: made by an operator, told once, kept as a hash, known to each process within two seconds.

A key is ``pc_ID_SECRET``. The id finds the row, the secret is 256 random bits: nobody guesses those, however quick the
hash, so a plain SHA-256 keeps them; slow hashes are for passwords that people choose.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from service import database
from service.errors import InvalidKey
from service.freshness import Fresh
from service.principals import Principal, Role

PREFIX = "pc_"
FRESH_SECONDS = 2.0
EVERYONE = "everyone"
_DAY = 86_400 * database.MICROSECONDS
_keys = database.keys


@dataclass(frozen=True)
class Key:
    """A key as it is kept; times in microseconds since 1970."""

    id: str
    secret_sha256: str
    name: str
    course: str
    role: Role
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    @cached_property
    def principal(self) -> Principal:
        """Whose key it is."""
        return Principal.of(self.name, self.course, self.role)

    @property
    def state(self) -> str:
        """``good``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        is_over = self.expires_at is not None and self.expires_at <= time.time() * database.MICROSECONDS
        return "expired" if is_over else "good"

    @property
    def made_on(self) -> str:
        """The day it was made, in UTC."""
        return _day(self.created_at)

    @property
    def good_until(self) -> str:
        """The day on which it expires, or a dash."""
        return "-" if self.expires_at is None else _day(self.expires_at)

    def fits(self, secret: str) -> bool:
        """Whether this is its secret, found out in a time that tells nothing about how near it is."""
        return hmac.compare_digest(_hashed(secret), self.secret_sha256)


_COLUMNS = [field.name for field in fields(Key)]


def make(engine: sa.Engine, principal_name: str, course: str, role: Role, days: int | None) -> str:
    """A new key, good for so many days or until it is revoked; it cannot be told again.

    Raises:
        InvalidName: Nobody can be called so.
    """
    Principal.of(principal_name, course, role)
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    now = database.now(engine)
    row = {"id": key_id, "secret_sha256": _hashed(secret), "name": principal_name, "course": course, "role": role}
    expires_at = None if days is None else now + days * _DAY
    with engine.begin() as connection:
        connection.execute(sa.insert(_keys).values(**row, created_at=now, expires_at=expires_at))
    return f"{PREFIX}{key_id}_{secret}"


def read(engine: sa.Engine) -> dict[str, Key]:
    """All keys by their ids, the oldest first, revoked ones among them."""
    query = sa.select(*(_keys.c[name] for name in _COLUMNS)).order_by(_keys.c.created_at, _keys.c.id)
    with engine.connect() as connection:
        return {row.id: Key(*row) for row in connection.execute(query)}


def revoke(engine: sa.Engine, key_id: str) -> bool:
    """Lets a key be good no longer; False where there is none of this id."""
    revoked_at = sa.func.coalesce(_keys.c.revoked_at, database.now(engine))
    with engine.begin() as connection:
        done = connection.execute(sa.update(_keys).where(_keys.c.id == key_id).values(revoked_at=revoked_at))
    return done.rowcount > 0


class Keyring:
    """All keys as one process knows them, never longer than two seconds.

    Requests so need no question to the database of their own, and a key that was made or revoked is so everywhere after
    two seconds.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._keys = Fresh(lambda: read(engine), FRESH_SECONDS)

    async def known(self) -> Mapping[str, Key]:
        """All keys that were ever made, by their ids, revoked and expired ones among them."""
        return self._keys.now() if self._keys.is_at_hand else await run_in_threadpool(self._keys.now)


def owner(key: str, known: Mapping[str, Key]) -> Principal:
    """Whose key this is.

    Raises:
        InvalidKey: Nobody's, or not any longer.
    """
    key_id, _, secret = key.removeprefix(PREFIX).partition("_")
    found = known.get(key_id)
    if found is None or not found.fits(secret) or found.state != "good":
        raise InvalidKey("The key is not known here, was revoked or has expired; ask whoever gave it to you.")
    return found.principal


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / database.MICROSECONDS, UTC).date().isoformat()


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
