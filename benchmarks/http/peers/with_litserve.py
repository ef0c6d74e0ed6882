"""LitServe: one API process, one worker; the picture comes as base64 in JSON."""

import base64
import sys
from typing import Any

import litserve

from benchmarks.http.peers.network import Reader


class Digits(litserve.LitAPI):
    """Tells the digit of the PNG in the field `image`."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Loads the network, in the worker."""
        self._reader = Reader()

    def decode_request(self, request: dict[str, str]) -> bytes:
        """The PNG."""
        return base64.b64decode(request["image"])

    def predict(self, x: bytes) -> dict[str, object]:
        """Its digit."""
        return self._reader.predict(self._reader.read(x))

    def encode_response(self, output: Any) -> Any:
        """The answer."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
