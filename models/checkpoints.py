"""Weights and states as safetensors: nothing that is loaded can run code."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from models.errors import CorruptCheckpoint

_NOTES = "notes"


def weights_bytes(network: nn.Module) -> bytes:
    """The network's parameters as safetensors; the same weights always give the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return save(dict(sorted(tensors.items())))


def weights_sha256(weights: bytes) -> str:
    """The fingerprint by which a model is recognised: SHA-256 of `weights_bytes`, in hexadecimal."""
    return hashlib.sha256(weights).hexdigest()


def load_weights(network: nn.Module, weights: bytes) -> None:
    """Puts `weights` into `network`.

    Raises:
        CorruptCheckpoint: The bytes are no safetensors, or their names, shapes, types or values do not fit.
    """
    tensors = _load(weights)
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in tensors or tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
            raise CorruptCheckpoint(f"The weights lack a {tuple(tensor.shape)} tensor {name!r}; use intact weights.")
        if not torch.isfinite(tensors[name]).all():
            raise CorruptCheckpoint(f"The weights {name!r} hold numbers that are not finite; use intact weights.")
    if surplus := set(tensors) - set(expected):
        raise CorruptCheckpoint(f"The weights hold {min(surplus)!r}, which this network has no place for.")
    network.load_state_dict(tensors)


def pack(tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> bytes:
    """A state of resumable work: tensors plus `notes` (anything JSON can hold)."""
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(packed, metadata={_NOTES: json.dumps(notes)})


def unpack(state: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the notes that `pack` was given.

    Raises:
        CorruptCheckpoint: The bytes are no packed state.
    """
    tensors = _load(state)
    try:
        header_length = int.from_bytes(state[:8], "little")
        header = json.loads(state[8 : 8 + header_length])
        return tensors, json.loads(header["__metadata__"][_NOTES])
    except (KeyError, ValueError) as error:
        raise CorruptCheckpoint("The saved state holds no notes; start the work anew.") from error


def _load(data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except SafetensorError as error:
        raise CorruptCheckpoint("The bytes are no safetensors file; use intact weights.") from error
