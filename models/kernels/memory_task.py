"""The trials of `models.memory_task`, drawn inside compiled code from the very stream that NumPy would give.

What `np.random.default_rng((seed, step))` does is written out here: `SeedSequence` of two numbers, the generator PCG64
(O'Neill 2014), and the two ways in which it is read, whole numbers within bounds (Lemire 2019) and 24-bit fractions.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_compiled = njit(nogil=True, error_model="numpy")

Word = np.uint64
Words = NDArray[np.uint64]

# numba makes a float of a signed and an unsigned number together, hence no bare literals among these.
_0, _1, _8, _16, _32, _58, _63 = (np.uint64(number) for number in (0, 1, 8, 16, 32, 58, 63))
_WORD = np.uint64(0xFFFFFFFF)

_POOL_SIZE = 4
_POOL_HASH, _POOL_HASH_GROWTH = np.uint64(0x43B0D7E5), np.uint64(0x931E8875)
_STATE_HASH, _STATE_HASH_GROWTH = np.uint64(0x8B51F9DD), np.uint64(0x58F38DED)
_MIX_TO, _MIX_FROM = np.uint64(0xCA01F9DD), np.uint64(0x4973F715)

_FACTOR_HIGH, _FACTOR_LOW = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)
_STATE_HIGH, _STATE_LOW, _INCREMENT_HIGH, _INCREMENT_LOW, _SPARE, _HAS_SPARE = range(6)


@_compiled
def draw(
    seed: int, step: int, shortest: int, longest: int, n_repeat: int, batch_size: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Trials whose sequences last `shortest` to `longest` ms, the same as `memory_trials` makes of the same stream.

    Returns:
        The stimulus (trial, time), and the times (trial, sequence) of memorize and report.
    """
    generator = _generator(np.uint64(seed), np.uint64(step))
    seq_len = _integer(generator, shortest, longest)
    middle = seq_len // 2
    memorize_times = np.empty((batch_size, n_repeat), dtype=np.int64)
    report_times = np.empty((batch_size, n_repeat), dtype=np.int64)
    _fill_times(generator, memorize_times, 0, middle - 1, seq_len)
    _fill_times(generator, report_times, middle, seq_len - 2, seq_len)
    stimulus = np.empty((batch_size, n_repeat * seq_len))
    for trial in range(batch_size):
        for time in range(n_repeat * seq_len):
            stimulus[trial, time] = 2 * _fraction(generator) - 1
    return stimulus, memorize_times, report_times


@_compiled
def _fill_times(generator: Words, times: NDArray[np.int64], first: int, last: int, seq_len: int) -> None:
    for trial in range(times.shape[0]):
        for sequence in range(times.shape[1]):
            times[trial, sequence] = sequence * seq_len + _integer(generator, first, last)


@_compiled
def _integer(generator: Words, lowest: int, highest: int) -> int:
    """Uniform from `lowest` to `highest`, at most 2**32 - 2 above it."""
    if lowest == highest:
        return lowest
    choices = np.uint64(highest - lowest) + _1
    product = _word(generator) * choices
    if product & _WORD < choices:
        unfair = (_WORD + _1 - choices) % choices
        while product & _WORD < unfair:
            product = _word(generator) * choices
    return lowest + int(np.int64(product >> _32))


@_compiled
def _fraction(generator: Words) -> float:
    """Uniform in [0, 1), a multiple of 2**-24."""
    return np.int64(_word(generator) >> _8) * 2.0**-24


@_compiled
def _word(generator: Words) -> Word:
    """32 random bits: the lower half of the next 64, then the upper."""
    if generator[_HAS_SPARE]:
        generator[_HAS_SPARE] = _0
        return generator[_SPARE]
    _move(generator)
    high, rotation = generator[_STATE_HIGH], generator[_STATE_HIGH] >> _58
    mixed = high ^ generator[_STATE_LOW]
    bits = (mixed >> rotation) | (mixed << (-rotation & _63))
    generator[_SPARE], generator[_HAS_SPARE] = bits >> _32, _1
    return bits & _WORD


@_compiled
def _move(generator: Words) -> None:
    """One step of PCG64: the 128-bit state times a factor plus an increment."""
    low = generator[_STATE_LOW] * _FACTOR_LOW
    high = (
        _upper_half(generator[_STATE_LOW], _FACTOR_LOW)
        + generator[_STATE_HIGH] * _FACTOR_LOW
        + generator[_STATE_LOW] * _FACTOR_HIGH
    )
    _set_sum(generator, high, low, generator[_INCREMENT_HIGH], generator[_INCREMENT_LOW])


@_compiled
def _set_sum(generator: Words, high: Word, low: Word, more_high: Word, more_low: Word) -> None:
    generator[_STATE_LOW] = low + more_low
    carry = _1 if generator[_STATE_LOW] < low else _0
    generator[_STATE_HIGH] = high + more_high + carry


@_compiled
def _upper_half(a: Word, b: Word) -> Word:
    """The upper 64 bits of a product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> _32, a & _WORD, b >> _32, b & _WORD
    middle = a_high * b_low + (a_low * b_low >> _32)
    other = a_low * b_high + (middle & _WORD)
    return a_high * b_high + (middle >> _32) + (other >> _32)


@_compiled
def _generator(seed: Word, step: Word) -> Words:
    """PCG64 as `SeedSequence((seed, step))` starts it, with no word to spare."""
    start_high, start_low, increment_high, increment_low = _seeds(_pool(seed, step))
    generator = np.zeros(6, dtype=np.uint64)
    generator[_INCREMENT_HIGH] = (increment_high << _1) | (increment_low >> _63)
    generator[_INCREMENT_LOW] = (increment_low << _1) | _1
    _set_sum(generator, start_high, start_low, generator[_INCREMENT_HIGH], generator[_INCREMENT_LOW])
    _move(generator)
    return generator


@_compiled
def _seeds(pool: Words) -> Words:
    """Four 64-bit numbers, each of two hashed words of the pool, the lower first."""
    words = np.empty(2 * _POOL_SIZE, dtype=np.uint64)
    hashing = _STATE_HASH
    for place in range(words.size):
        word = pool[place % _POOL_SIZE] ^ hashing
        hashing = hashing * _STATE_HASH_GROWTH & _WORD
        words[place] = _folded(word * hashing & _WORD)
    return words[0::2] | (words[1::2] << _32)


@_compiled
def _pool(seed: Word, step: Word) -> Words:
    """The words of both numbers, hashed, and each mixed into every other."""
    pool = _words(seed, step)
    hashing = _POOL_HASH
    for place in range(_POOL_SIZE):
        pool[place], hashing = _hashed(pool[place], hashing)
    for source in range(_POOL_SIZE):
        for place in range(_POOL_SIZE):
            if source != place:
                word, hashing = _hashed(pool[source], hashing)
                pool[place] = _folded(_MIX_TO * pool[place] - _MIX_FROM * word & _WORD)
    return pool


@_compiled
def _words(seed: Word, step: Word) -> Words:
    """Both numbers in words of 32 bits, the lower first, a number below 2**32 being one word; zeros fill up."""
    words = np.zeros(_POOL_SIZE, dtype=np.uint64)
    place = 0
    for number in (seed, step):
        words[place] = number & _WORD
        place += 1
        if number >> _32:
            words[place] = number >> _32
            place += 1
    return words


@_compiled
def _hashed(word: Word, hashing: Word) -> tuple[Word, Word]:
    """The word hashed, and what hashes the next one."""
    grown = hashing * _POOL_HASH_GROWTH & _WORD
    return _folded((word ^ hashing) * grown & _WORD), grown


@_compiled
def _folded(word: Word) -> Word:
    return word ^ (word >> _16)
