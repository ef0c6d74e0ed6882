"""Bytes that were something once: copies of a sound file, changed here and there."""

import struct
import zlib

from hypothesis import strategies as st

_TELLING = [0, 1, 0x7F, 0x80, 0xFF]
_WORDS = [struct.pack(">I", number) for number in (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]


@st.composite
def mutated(draw: st.DrawFn, corpus: list[bytes]) -> bytes:
    """One of the corpus after one to eight changes: bytes set, runs cut, doubled, taken from another, or left off."""
    content = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(1, 64))
        match draw(st.integers(0, 5)):
            case 0:
                content[at : at + 1] = bytes([draw(st.sampled_from(_TELLING) | st.integers(0, 255))])
            case 1:
                content[at : at + 4] = draw(st.sampled_from(_WORDS))
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length] * draw(st.integers(1, 50))
            case 4:
                other = draw(st.sampled_from(corpus))
                content[at:at] = other[at : at + length]
            case _:
                del content[at:]
    return bytes(content)


def with_sound_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have the checksums they should, so that what was changed in them reaches the decoder."""
    sound, at = png[:8], 8
    while at + 8 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunk = png[at + 4 : at + 8 + length]
        sound += png[at : at + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return sound
