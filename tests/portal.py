"""A portal as the service sees it: a key pair for each id, and a loopback server that publishes the public halves."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

ISSUER, AUDIENCE = "https://portal.example", "patchclamp"


class Portal:
    """Signs tokens, and tells how often it was asked for its public keys."""

    def __init__(self) -> None:
        self.keys = {"first": generate_private_key(SECP256R1())}
        self.asked = 0
        self.is_well = True
        self.url = ""

    def token(self, subject: str = "anna", /, *, key: str = "first", without: str = "", **claims: Any) -> str:
        """A token for this person, good for five minutes."""
        now = int(time.time())
        told = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, **claims}
        told.pop(without, None)
        return jwt.encode(told, self.keys[key], algorithm="ES256", headers={"kid": key})

    def rotate(self, key: str) -> None:
        """Signs with a new key from now on, and no longer publishes the others."""
        self.keys = {key: generate_private_key(SECP256R1())}

    def published(self) -> bytes:
        """The public keys (JWKS)."""
        return json.dumps({"keys": [public(name, key) for name, key in self.keys.items()]}).encode()


def public(name: str, key: EllipticCurvePrivateKey) -> dict[str, Any]:
    """The public half as a JWK."""
    return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": name, "use": "sig", "alg": "ES256"}


@contextmanager
def portal() -> Iterator[Portal]:
    """A portal on a free loopback port."""
    told = Portal()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            self.send_response(200 if told.is_well else 500)
            self.end_headers()
            self.wfile.write(told.published() if told.is_well else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/jwks"
        serving = Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield told
        finally:
            server.shutdown()
            serving.join()
