"""Settings from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import PREFIX, InvalidSettings, Settings, read_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the test itself sets counts."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name}".upper(), raising=False)


def settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    environment = {f"{PREFIX}{name}": value for name, value in given.items()}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings(environment)


def test_without_any_it_serves_this_machine_alone_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch)
    assert read.is_local
    assert not read.open_access
    assert (read.host, read.port, read.workers, read.device) == ("127.0.0.1", 8000, 1, "cpu")
    assert read.database_url == f"sqlite:///{Path('var').resolve() / 'patchclamp.db'}"


def test_the_database_lies_in_the_data_folder_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert settings(monkeypatch, DATA=str(tmp_path)).database_url == f"sqlite:///{tmp_path / 'patchclamp.db'}"
    named = "postgresql://lab@db.example/patchclamp"
    assert settings(monkeypatch, DATA=str(tmp_path), DATABASE_URL=named).database_url == named


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_local(monkeypatch: pytest.MonkeyPatch, host: str, is_local: bool) -> None:
    assert settings(monkeypatch, HOST=host).is_local is is_local


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("THREADS", "-1"),
        ("DEVICE", "tpu"),
        ("OPEN_ACCESS", "perhaps"),
        ("LEASE_SECONDS", "0"),
        ("STUCK_SECONDS", "nan"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name}: "):
        settings(monkeypatch, **{name: value})


def test_origins_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = settings(
        monkeypatch,
        CORS_ORIGINS="https://portal.example, http://localhost:3000",
        FRAME_ANCESTORS="https://portal.example:8443,",
    )
    assert listed.cors_origins == ("https://portal.example", "http://localhost:3000")
    assert listed.frame_ancestors == ("https://portal.example:8443",)
    assert settings(monkeypatch, CORS_ORIGINS="", FRAME_ANCESTORS="").cors_origins == ()


@pytest.mark.parametrize("name", ["CORS_ORIGINS", "FRAME_ANCESTORS"])
@pytest.mark.parametrize(
    "origin",
    [
        "portal.example",
        "https://portal.example/",
        "https://portal.example/lab",
        "https://Portal.example",
        "https://*.example",
        "http://portal.example",
        "http://127.0.0.1.example",
        "https://user@portal.example",
        "https://portal.example:0",
        "https://portal.example; script-src *",
        "null",
        "file://",
    ],
)
def test_what_is_no_origin_is_refused_with_the_form_of_one(
    monkeypatch: pytest.MonkeyPatch, name: str, origin: str
) -> None:
    with pytest.raises(InvalidSettings, match=rf"^{PREFIX}{name}: .*https://HOST:PORT"):
        settings(monkeypatch, **{name: f"https://portal.example,{origin}"})


def test_every_origin_may_read_but_only_without_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, CORS_ORIGINS="*").cors_origins == ("*",)
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}CORS_CREDENTIALS: .*name the origins"):
        settings(monkeypatch, CORS_ORIGINS="*", CORS_CREDENTIALS="true")
    assert settings(monkeypatch, CORS_ORIGINS="https://portal.example", CORS_CREDENTIALS="true").cors_credentials


def test_not_everybody_may_show_our_pages_in_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}FRAME_ANCESTORS: "):
        settings(monkeypatch, FRAME_ANCESTORS="*")


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        settings(monkeypatch, PORT="0", WORKERS="0")
    assert len(str(refusal.value).splitlines()) == 2


def test_a_name_that_is_no_setting_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match=r"^PATCHCLAMP_DATASET: no such setting\. .*PATCHCLAMP_DATASETS"):
        settings(monkeypatch, DATASET="/data")


def test_other_programs_variables_are_none_of_our_business() -> None:
    assert read_settings({"PATH": "/bin", "PATCH": "1"}).port == 8000


def test_settings_cannot_be_changed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch).port = 80  # type: ignore[misc]


def test_each_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


PORTAL = {
    "PORTAL_JWKS": "https://portal.example/jwks",
    "PORTAL_ISSUER": "https://portal.example",
    "PORTAL_AUDIENCE": "lab",
}


def test_a_portal_s_words_for_roles_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = settings(monkeypatch, **PORTAL, PORTAL_ROLES="http://x?a=b#Teacher=lecturer, Dean=admin,")
    assert listed.portal_roles == {"http://x?a=b#Teacher": "lecturer", "Dean": "admin"}


@pytest.mark.parametrize("missing", PORTAL)
def test_a_portal_is_told_with_keys_issuer_and_audience_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    with pytest.raises(InvalidSettings, match="belong together"):
        settings(monkeypatch, **{name: value for name, value in PORTAL.items() if name != missing})


@pytest.mark.parametrize("source", ["/etc/jwks.json", "http://127.0.0.1:9/jwks", "http://[::1]:9/jwks"])
def test_a_portal_s_keys_may_lie_here(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    assert settings(monkeypatch, **{**PORTAL, "PORTAL_JWKS": source}).portal_jwks == source


@pytest.mark.parametrize("source", ["http://portal.example/jwks", "ftp://127.0.0.1/jwks", "file:///etc/jwks.json"])
def test_a_portal_s_keys_do_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}PORTAL_JWKS: "):
        settings(monkeypatch, **{**PORTAL, "PORTAL_JWKS": source})


@pytest.mark.parametrize("roles", ["Teacher", "Teacher=teacher", "Prometheus=monitor"])
def test_a_role_that_we_do_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, roles: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}PORTAL_ROLES: "):
        settings(monkeypatch, **PORTAL, PORTAL_ROLES=roles)
