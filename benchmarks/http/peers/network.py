"""The same network with the same weights, as a peer would serve it: plain torch, one image at a time."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load

from models.digit_net import DigitNet

torch.set_num_threads(1)
_WEIGHTS = Path(__file__).resolve().parents[3] / "artifacts" / "digit-net" / "model.safetensors"


class Reader:
    """Tells what digit a picture of 28x28 pixels shows."""

    def __init__(self) -> None:
        self._network = DigitNet()
        self._network.load_state_dict(load(_WEIGHTS.read_bytes()))
        self._network.eval()

    def read(self, picture: bytes) -> Image.Image:
        """The picture of a PNG's bytes."""
        return Image.open(io.BytesIO(picture))

    @torch.inference_mode()
    def predict(self, picture: Image.Image) -> dict[str, object]:
        """The label and the probability of each digit."""
        pixels = torch.from_numpy(np.asarray(picture.convert("L"), dtype=np.float32) / 255)
        probabilities = self._network(pixels[None]).softmax(dim=1)[0]
        return {"label": int(probabilities.argmax()), "probabilities": probabilities.tolist()}
