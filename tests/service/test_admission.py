"""Whether anybody needs a key, and what the service refuses to do while nobody does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service import database, keys
from service.admission import Admission, refuse_strangers
from service.doctor import Verdict, _keys
from service.errors import KeyNeeded
from service.principals import ANYBODY
from service.settings import InvalidSettings, Settings
from tests.portal import AUDIENCE, ISSUER

EVERYWHERE: dict[str, Any] = {"host": "0.0.0.0"}
PORTAL = {"portal_jwks": "https://portal.example/jwks", "portal_issuer": ISSUER, "portal_audience": AUDIENCE}


def settings(data: Path, **more: Any) -> Settings:
    return Settings(data=data, **more)  # pyright: ignore[reportCallIssue]


def test_without_keys_it_listens_on_this_machine_only_and_says_what_to_do(tmp_path: Path) -> None:
    refuse_strangers(settings(tmp_path))
    with pytest.raises(InvalidSettings, match="patchclamp keys make") as refused:
        refuse_strangers(settings(tmp_path, **EVERYWHERE))
    assert "PATCHCLAMP_OPEN_ACCESS=true" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [{"open_access": True}, PORTAL], ids=["open access", "a portal"])
def test_it_listens_everywhere_where_that_is_meant_or_a_portal_lets_in(tmp_path: Path, more: dict[str, Any]) -> None:
    refuse_strangers(settings(tmp_path, **EVERYWHERE, **more))


def test_from_the_first_key_on_it_listens_everywhere_and_everybody_needs_one(tmp_path: Path, engine: sa.Engine) -> None:
    own = settings(tmp_path, **EVERYWHERE)
    with pytest.raises(InvalidSettings):
        refuse_strangers(own)
    assert _keys(own).verdict is Verdict.WARNING
    assert asyncio.run(Admission(own, engine).caller(None, None)) is ANYBODY

    keys.make(engine, "anna", "", "student", None)
    (key_id,) = keys.read(engine)
    for _ in range(2):
        refuse_strangers(own)
        assert _keys(own).verdict is Verdict.OK
        with pytest.raises(KeyNeeded):
            asyncio.run(Admission(own, engine).caller(None, None))
        keys.revoke(engine, key_id)


def test_a_key_that_nobody_needs_is_no_hindrance(tmp_path: Path, engine: sa.Engine) -> None:
    assert asyncio.run(Admission(settings(tmp_path), engine).caller("pc_of_another_service", None)) is ANYBODY


def test_beside_a_database_that_does_not_answer_it_opens_no_door(tmp_path: Path) -> None:
    url = "postgresql://127.0.0.1:1/nothing"
    with pytest.raises(InvalidSettings, match="does not answer"):
        refuse_strangers(settings(tmp_path, **EVERYWHERE, database_url=url))
    assert _keys(settings(tmp_path, database_url=url)).verdict is Verdict.WARNING


def test_a_database_of_before_there_were_keys_has_none(tmp_path: Path, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        database.keys.drop(connection)
    with pytest.raises(InvalidSettings):
        refuse_strangers(settings(tmp_path, **EVERYWHERE))
