"""Keys: told once, kept as a hash, good until they are revoked; and the command that makes, lists and revokes them."""

import asyncio
import hashlib
import re
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from service import cli, database, keys
from service.errors import InvalidKey
from service.keys import Keyring, owner
from service.principals import ANYBODY, InvalidName, Principal


def whose(engine: sa.Engine, key: str) -> Principal:
    return owner(key, asyncio.run(Keyring(engine).known()))


def test_a_key_is_its_owner_s_and_only_its_hash_is_kept(engine: sa.Engine) -> None:
    key = keys.make(engine, "anna", "neuro", "student", None)
    assert whose(engine, key) == Principal("neuro/anna", "student", "neuro")
    (kept,) = keys.read(engine).values()
    secret = key.removeprefix(f"pc_{kept.id}_")
    assert len(secret) >= 43  # 256 bits
    assert kept.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(kept)


def test_a_second_key_of_the_same_person_is_another_key_to_the_same_things(engine: sa.Engine) -> None:
    lost, found = (keys.make(engine, "anna", "neuro", "student", None) for _ in range(2))
    assert lost != found
    assert whose(engine, lost) == whose(engine, found)


def test_a_wrong_secret_a_wrong_id_or_half_a_key_is_nobody_s(engine: sa.Engine) -> None:
    anna, ben = (keys.make(engine, name, "", "student", None) for name in ("anna", "ben"))
    crossed = f"{anna[:15]}_{ben[16:]}"
    for key in (f"{anna}x", anna[:-1], crossed, f"{anna[:15]}_", anna[:15], "pc_", "pc__", "pc_é_é", "pc_a_\ud800"):
        with pytest.raises(InvalidKey):
            whose(engine, key)


def test_a_revoked_or_expired_key_is_good_no_longer_and_does_not_open_the_doors(engine: sa.Engine) -> None:
    revoked, expired, good = (keys.make(engine, name, "", "student", 1) for name in ("anna", "ben", "cleo"))
    ids = {key.name: key.id for key in keys.read(engine).values()}  # three of one millisecond come in any order
    assert keys.revoke(engine, ids["anna"])
    when = keys.read(engine)[ids["anna"]].revoked_at
    assert keys.revoke(engine, ids["anna"])
    assert keys.read(engine)[ids["anna"]].revoked_at == when
    with engine.begin() as connection:
        table = database.keys
        connection.execute(sa.update(table).where(table.c.id == ids["ben"]).values(expires_at=table.c.created_at))
    states = {key.name: key.state for key in keys.read(engine).values()}
    assert states == {"anna": "revoked", "ben": "expired", "cleo": "good"}
    for key in (revoked, expired):
        with pytest.raises(InvalidKey):
            whose(engine, key)
    assert whose(engine, good).id == "cleo"
    keys.revoke(engine, ids["cleo"])
    assert len(asyncio.run(Keyring(engine).known())) == 3


def test_an_unknown_key_cannot_be_revoked(engine: sa.Engine) -> None:
    assert not keys.revoke(engine, "nobody-s")


def test_a_keyring_reads_once_for_all_who_ask_and_again_when_it_is_old(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = []
    monkeypatch.setattr(keys, "read", lambda engine, read=keys.read: readings.append(1) or read(engine))

    async def asked() -> None:
        ring = Keyring(engine)
        assert await asyncio.gather(*(ring.known() for _ in range(20))) == [{}] * 20
        key = keys.make(engine, "anna", "", "student", None)
        assert await ring.known() == {}
        assert len(readings) == 1
        now = time.monotonic() + keys.FRESH_SECONDS
        monkeypatch.setattr(time, "monotonic", lambda: now)
        assert owner(key, await ring.known()).id == "anna"
        assert len(readings) == 2

    asyncio.run(asked())


def test_the_same_name_in_two_courses_is_two_people_whatever_they_are_called() -> None:
    named = [
        ("anna", ""),
        ("anna", "neuro"),
        ("neuro/anna", ""),
        ("b/anna", "a"),
        ("anna", "a/b"),
        ("%2F", ""),
        ("/", ""),
    ]
    assert len({Principal.of(name, course, "student").id for name, course in named}) == len(named)


@pytest.mark.parametrize("name", ["", " anna", "an\nna", "\x00", "\ud800", "x" * 256, ANYBODY.id])
def test_nobody_can_be_called_so(engine: sa.Engine, name: str) -> None:
    with pytest.raises(InvalidName):
        keys.make(engine, name, "", "student", None)
    assert not keys.read(engine)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `patchclamp keys` with these words; its exit status and the lines that it prints."""
    monkeypatch.setenv("PATCHCLAMP_DATA", str(tmp_path))
    monkeypatch.setattr("service.logs.configure", lambda *_: None)

    def run(*words: str) -> tuple[int, list[list[str]]]:
        status = cli.main(["keys", *words])
        return status, [line.split("\t") for line in capsys.readouterr().out.splitlines()]

    return run


def test_keys_are_made_listed_and_revoked_by_command(command) -> None:
    assert command("list") == (0, [])
    status, made = command("make", "anna", "ben", "--course", "neuro", "--days", "90")
    assert status == 0
    assert [name for name, _ in made] == ["anna", "ben"]
    assert all(re.fullmatch(r"pc_[0-9a-f]{12}_[\w-]{43}", key) for _, key in made)
    _, ((everyone, _),) = command("make", "--course", "neuro")
    _, ((admin, _),) = command("make", "root", "--role", "admin")
    assert (everyone, admin) == ("everyone", "root")

    _, listed = command("list")
    assert [row[1:4] for row in listed] == [
        ["good", "student", "neuro/anna"],
        ["good", "student", "neuro/ben"],
        ["good", "student", "neuro/everyone"],
        ["good", "admin", "root"],
    ]
    assert [row[5] == "-" for row in listed] == [False, False, True, True]
    assert not any(key in str(listed) for _, key in made)

    assert command("revoke", listed[0][0], "nobody-s")[0] == 1
    assert [row[1] for row in command("list")[1]] == ["revoked", "good", "good", "good"]


def test_a_key_is_somebody_s_or_a_course_s(command) -> None:
    assert command("make")[0] == 2
    assert command("make", "anonymous")[0] == 1
    assert command("list") == (0, [])


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1000000000"])
def test_a_key_is_good_for_a_sensible_number_of_days(command, days: str) -> None:
    with pytest.raises(SystemExit):
        command("make", "anna", "--days", days)
