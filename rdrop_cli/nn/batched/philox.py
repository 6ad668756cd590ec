"""The bits of `tf.random.stateless_uniform(alg="philox")`, on arrays of NumPy or JAX.

Philox 4x32-10 (Salmon et al. 2011) makes four words from each counter; element e of a tensor is word e % 4 of counter
e // 4. JAX's own generators give other bits.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

ROUNDS = 10
FACTORS = (np.uint32(0xD2511F53), np.uint32(0xCD9E8D57))
WEYL = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
SCRAMBLE = (np.uint32(0x3EC8F720), np.uint32(0x02461E29))  # the key with which TensorFlow scrambles a seed
HALF, LOW = np.uint32(16), np.uint32(0xFFFF)


def draw_bits(first: Any, second: Any, count: int, xp: Any = np) -> Any:
    """Return the `count` words that a seed (first, second) gives: uint32 of shape (…, count).

    Args:
        first: uint32 of shape (…,).
        second: uint32 of shape (…,).
        count: number of words.
        xp: the module of the seed's arrays: numpy or jax.numpy.
    """
    first, second = first[..., None], second[..., None]
    nothing = xp.zeros_like(first)
    key_0, key_1, high_0, high_1 = _mix((first, nothing, second, nothing), SCRAMBLE)
    counter = xp.arange(-(-count // 4), dtype=np.uint32) + nothing
    words = _mix((counter, xp.zeros_like(counter), high_0, high_1), (key_0, key_1))
    shape = (*counter.shape[:-1], 4 * counter.shape[-1])
    return xp.stack(xp.broadcast_arrays(*words), axis=-1).reshape(shape)[..., :count]


def draw_integers(first: int, seconds: npt.NDArray[np.int64], bounds: range, count: int) -> npt.NDArray[np.int64]:
    """Draw integers within bounds from each seed (first, second): int64 of shape (seed, count)."""
    words = draw_bits(np.full(len(seconds), first, np.uint32), seconds.astype(np.uint32), 2 * count).astype(np.uint64)
    numbers = words[:, ::2] | words[:, 1::2] << np.uint64(32)
    drawn: npt.NDArray[np.int64] = bounds.start + (numbers % np.uint64(len(bounds))).astype(np.int64)
    return drawn


def _mix(counter: tuple[Any, ...], key: tuple[Any, Any]) -> tuple[Any, ...]:
    a, b, c, d = counter
    key_0, key_1 = key
    for _ in range(ROUNDS):
        (high_a, low_a), (high_c, low_c) = _multiply(a, FACTORS[0]), _multiply(c, FACTORS[1])
        a, b, c, d = high_c ^ b ^ key_0, low_c, high_a ^ d ^ key_1, low_a
        with np.errstate(over="ignore"):  # when a seed is scrambled, the key is a number, not an array
            key_0, key_1 = key_0 + WEYL[0], key_1 + WEYL[1]
    return a, b, c, d


def _multiply(a: Any, b: np.uint32) -> tuple[Any, Any]:
    """Return the upper and lower 32 bits of a product from 16-bit halves: JAX has no 64-bit integers by default."""
    a_high, a_low, b_high, b_low = a >> HALF, a & LOW, b >> HALF, b & LOW
    middle = a_high * b_low + (a_low * b_low >> HALF)
    rest = a_low * b_high + (middle & LOW)
    return a_high * b_high + (middle >> HALF) + (rest >> HALF), a * b
