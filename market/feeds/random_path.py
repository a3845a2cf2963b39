"""Random numbers and random paths that can be asked for at any point, alike on every machine: integers only.

A path is a Brownian bridge between knots 512 steps apart, refined by halving; how much a half moves is inherited
from its parent with a random change, so quiet and wild stretches follow each other as they do in real markets.
The knots themselves are independent and bounded, so a path neither vanishes nor explodes however long it runs.
"""

from functools import lru_cache
from hashlib import blake2b
from math import isqrt

BLOCK = 512
_MASK = (1 << 64) - 1
_SPREAD = 37_837
"""The standard deviation of four summed 16-bit uniforms."""


def key(*parts: str) -> int:
    """A 64-bit seed for a name."""
    return int.from_bytes(blake2b("/".join(parts).encode(), digest_size=8).digest(), "big")


def bits(seed: int, index: int) -> int:
    """64 random bits for an index, negative ones too (SplitMix64's finaliser)."""
    z = (seed + index * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def bell(seed: int, index: int, scale: int) -> int:
    """A bell-shaped number around 0 with standard deviation `scale`; never beyond 3.5 times it."""
    z = bits(seed, index)
    total = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48) - 131_070
    return total * scale // _SPREAD


def below(seed: int, index: int, limit: int) -> int:
    """A number from 0 up to but not including `limit`."""
    return bits(seed, index) * limit >> 64


def at(seed: int, step: int, scale: int) -> int:
    """The path's value at a step; steps differ by about `scale`."""
    block, place = divmod(step, BLOCK)
    return _block(seed, block, scale)[place]


def restlessness(seed: int, step: int) -> int:
    """How wild the path is around a step, in percent of its usual movement."""
    seed_wild = seed ^ 0xA5A5A5A5
    wild = 100
    for length in (256, 128, 64, 32, 16):
        wild = wild * (72 + below(seed_wild, step // length * 1024 + length, 62)) // 100
    return max(wild, 30)


@lru_cache(maxsize=256)
def _block(seed: int, block: int, scale: int) -> tuple[int, ...]:
    reach = scale * isqrt(BLOCK) * 7 // 10
    values = [0] * (BLOCK + 1)
    values[0], values[BLOCK] = bell(seed ^ 1, block, reach), bell(seed ^ 1, block + 1, reach)
    length, origin = BLOCK, block * BLOCK
    while length > 1:
        half = length // 2
        usual = scale * isqrt(length * 10_000) // 200
        for left in range(0, BLOCK, length):
            wild = restlessness(seed, origin + left + half)
            middle = (values[left] + values[left + length]) // 2
            values[left + half] = middle + bell(seed ^ length, origin + left, usual * wild // 100)
        length = half
    return tuple(values[:BLOCK])
