"""Answers with their pictures, over HTTP, against the notebook's loops and the same pictures by matplotlib."""

import httpx
import torch

from benchmarks import notebook, notebook_figures
from benchmarks.table import Ratio
from benchmarks.timing import compare
from models.digit_net import DigitNet
from models.digits import Digits

DIGIT = 7
GATES_MS = 300


def pictures(client: httpx.Client, network: DigitNet, digits: Digits) -> list[Ratio]:
    """What six layers do, and what is inside a memory; `network` is the service's default."""
    peer, memory = notebook.NotebookNet(), notebook.NotebookLSTM(1)
    peer.load_state_dict(network.state_dict())
    image = (torch.from_numpy(digits.image("test", DIGIT)) - 0.1307) / 0.3081
    seen = {"image": {"sample": {"split": "test", "index": DIGIT}}}

    def drawn(path: str, body: object) -> None:
        client.post(path, json=body).raise_for_status()

    return [
        compare(
            "/cnn/activations with its six pictures",
            lambda: drawn("/cnn/activations", seen),
            "notebook's figures of the same",
            lambda: notebook_figures.activities(peer, image),
            pairs=5,
            promise=30,
        ),
        compare(
            f"/lstm/gates at {GATES_MS} ms with its four pictures",
            lambda: drawn("/lstm/gates", {"seq_len": GATES_MS, "seed": 1}),
            "notebook's loop, the same in matplotlib",
            lambda: notebook_figures.gating_as_served(memory, GATES_MS),
            pairs=5,
            promise=20,
        ),
    ]
