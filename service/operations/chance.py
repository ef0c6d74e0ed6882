"""Where chance plays a part: a seed for whoever brought none."""

import secrets


def seed_or_new(seed: int | None) -> int:
    """The seed, or a fresh one to be told in the answer."""
    return new_seed() if seed is None else seed


def new_seed() -> int:
    """A fresh seed."""
    return secrets.randbits(32)
