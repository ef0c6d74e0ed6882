"""Tokens of a portal: whose are taken, whose are not, and what happens while it turns its keys or does not answer."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_encode

from service.errors import InvalidKey, PortalUnavailable
from service.principals import Principal
from service.settings import Settings
from service.tokens import PortalTokens, SigningKeys
from tests.portal import AUDIENCE, ISSUER, Portal, portal


@pytest.fixture
def signer() -> Iterator[Portal]:
    with portal() as running:
        yield running


@pytest.fixture
def tokens(signer: Portal) -> PortalTokens:
    return believing(signer.url)


def believing(source: str, **more: Any) -> PortalTokens:
    given = {"portal_jwks": source, "portal_issuer": ISSUER, "portal_audience": AUDIENCE, **more}
    return PortalTokens(Settings(**given))  # pyright: ignore[reportCallIssue]


def whose(tokens: PortalTokens, token: str, longest_seconds: float | None = None) -> Principal:
    return asyncio.run(tokens.principal(token, longest_seconds))


def test_a_token_says_who_they_are_and_from_which_course(tokens: PortalTokens, signer: Portal) -> None:
    assert whose(tokens, signer.token("anna")) == Principal("anna", "student")
    assert whose(tokens, signer.token("anna", course="neuro")) == Principal("neuro/anna", "student", "neuro")


@pytest.mark.parametrize(
    ("told", "role"),
    [
        ("lecturer", "lecturer"),
        (["student", "lecturer"], "lecturer"),
        (["admin", "lecturer"], "admin"),
        ("janitor", "student"),
        (["janitor", 7, None], "student"),
        ({"admin": True}, "student"),
        (None, "student"),
    ],
)
def test_the_strongest_role_counts_and_an_unknown_one_is_a_student_s(
    tokens: PortalTokens, signer: Portal, told: Any, role: str
) -> None:
    assert whose(tokens, signer.token(role=told)).role == role


def test_claims_are_called_as_the_portal_calls_them(signer: Portal) -> None:
    tokens = believing(
        signer.url,
        portal_subject_claim="email",
        portal_role_claim="roles",
        portal_roles={"http://x#Teacher": "lecturer"},
    )
    token = signer.token(email="smith@example.org", roles=["http://x#Teacher"])
    assert whose(tokens, token) == Principal("smith@example.org", "lecturer")
    with pytest.raises(InvalidKey, match="does not say who"):
        whose(tokens, signer.token())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another-service"}, "not made for this service"),
        ({"iss": "https://other.example"}, "not made for this service"),
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"nbf": int(time.time()) + 86_400}, "not valid here"),
        ({"without": "exp"}, "not valid here"),
        ({"without": "aud"}, "not valid here"),
        ({"without": "iss"}, "not valid here"),
        ({"without": "sub"}, "does not say who"),
        ({"course": 7}, "does not say who"),
        ({"course": " neuro"}, "cannot be called so"),
    ],
)
def test_a_token_for_others_or_for_another_time_or_without_an_end_is_refused(
    tokens: PortalTokens, signer: Portal, claims: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidKey, match=reason):
        whose(tokens, signer.token(**claims))


@pytest.mark.parametrize("name", ["", "anonymous", "a\x00b", "\ud800", "x" * 256])
def test_nobody_is_called_so(tokens: PortalTokens, signer: Portal, name: str) -> None:
    with pytest.raises(InvalidKey, match="cannot be called so"):
        whose(tokens, signer.token(name))


def test_a_token_that_the_portal_did_not_sign_is_refused(tokens: PortalTokens, signer: Portal) -> None:
    token = signer.token()
    head, claims, signature = token.split(".")
    stranger = Portal()
    forged = [stranger.token(), f"{head}.{claims}.{signature[:-8]}AAAAAAA=", f"{head}.{claims}.", "a.b.c", "", "é.é.é"]
    for each in forged:
        with pytest.raises(InvalidKey):
            whose(tokens, each)
    assert whose(tokens, token).id == "anna"


def test_no_other_algorithm_gets_in_by_the_public_key(tokens: PortalTokens, signer: Portal) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(time.time()) + 300}
    public = signer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "first"})
    head = base64url_encode(json.dumps({"alg": "HS256", "kid": "first"}).encode()).decode()
    body = unsigned.split(".")[1]
    signature = HMACAlgorithm(HMACAlgorithm.SHA256).sign(f"{head}.{body}".encode(), pem)
    confused = f"{head}.{body}.{base64url_encode(signature).decode()}"
    for token in (unsigned, confused):
        with pytest.raises(InvalidKey, match="not valid here"):
            whose(tokens, token)


def test_a_shared_secret_among_the_portal_s_keys_is_no_key(signer: Portal, tmp_path: Path) -> None:
    secret = "a secret that the portal should not have published"
    jwk = {"kty": "oct", "kid": "secret", "k": base64url_encode(secret.encode()).decode()}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk, *json.loads(signer.published())["keys"]]}))
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(time.time()) + 300}
    tokens = believing(str(file))
    with pytest.raises(InvalidKey):
        whose(tokens, jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "secret"}))
    assert whose(tokens, signer.token()).id == "anna"


def test_in_an_address_only_a_short_lived_token_is_taken(tokens: PortalTokens, signer: Portal) -> None:
    assert whose(tokens, signer.token(), 600).id == "anna"
    with pytest.raises(InvalidKey, match="expire within 600 s"):
        whose(tokens, signer.token(exp=int(time.time()) + 3600), 600)


def test_a_new_key_of_the_portal_is_fetched_and_a_withdrawn_one_good_no_longer(signer: Portal) -> None:
    async def rotated() -> None:
        keys = SigningKeys(signer.url, pause_seconds=0)
        first = await keys.key("first")
        assert await keys.key("first") is first
        assert signer.asked == 1
        signer.rotate("second")
        await keys.key("second")
        assert signer.asked == 2
        with pytest.raises(jwt.InvalidKeyError):
            await keys.key("first")

    asyncio.run(rotated())


def test_unknown_keys_do_not_make_it_ask_the_portal_again_and_again(signer: Portal) -> None:
    async def many() -> None:
        keys = SigningKeys(signer.url)
        asked = await asyncio.gather(*(keys.key(f"key {number}") for number in range(50)), return_exceptions=True)
        assert all(isinstance(each, jwt.InvalidKeyError) for each in asked)
        assert signer.asked == 1
        await keys.key("first")
        assert signer.asked == 1

    asyncio.run(many())


def test_while_the_portal_does_not_answer_known_keys_stay_good_and_others_wait(signer: Portal) -> None:
    async def out_of_order() -> None:
        keys = SigningKeys(signer.url, pause_seconds=0, lasting_seconds=0)
        signer.is_well = False
        with pytest.raises(PortalUnavailable):
            await keys.key("first")
        signer.is_well = True
        first = await keys.key("first")
        signer.is_well = False
        assert await keys.key("first") is first  # old by now: it is fetched anew beside
        assert keys._renewal is not None
        await keys._renewal
        assert signer.asked == 3
        assert await keys.key("first") is first
        with pytest.raises(PortalUnavailable):
            await keys.key("second")
        await keys._renewal

    asyncio.run(out_of_order())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "EC", "kid": "first"}]}'])
def test_what_is_no_set_of_keys_is_as_if_the_portal_did_not_answer(tmp_path: Path, content: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(content)
    with pytest.raises(PortalUnavailable):
        asyncio.run(SigningKeys(str(file)).key("first"))
    with pytest.raises(PortalUnavailable):
        asyncio.run(SigningKeys(str(tmp_path / "nothing")).key("first"))
