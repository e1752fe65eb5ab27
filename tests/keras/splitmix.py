"""Numbers made by a formula, for weights and inputs of the checks and the fixtures. Rust tests use the same formula."""
import numpy as np


def splitmix(seed, count):
    """Returns `count` uniform float32 in [0, 1): splitmix64 of seed + k * golden gamma, top 24 bits / 2^24."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
