"""Generated images, as arrays of 8 bits, (height, width, channels)."""
import numpy as np


def smooth(width, height):
    """Returns colorful waves, which JPEG preserves even at a half or a quarter of the color resolution."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [128 + 90 * np.sin(at / length) for at, length in ((x, 17), (y, 13), (x + y, 23))]
    return np.stack(waves, -1).astype(np.uint8)


def rough(width, height, channels):
    """Returns values that differ from pixel to pixel, the same in every run."""
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
