"""Where chance plays a part: a seed for whoever brought none."""

import secrets


def seed_or_new(seed: int | None) -> int:
    """The seed, or a fresh one to be told in the answer."""
    return secrets.randbits(32) if seed is None else seed
