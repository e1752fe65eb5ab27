"""The images that are drawn, as arrays of 8 bits, (height, width, channels)."""
import numpy as np


def smooth(width, height):
    """Colourful waves, which JPEG keeps also where it halves or quarters the resolution of colour."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [128 + 90 * np.sin(at / length) for at, length in ((x, 17), (y, 13), (x + y, 23))]
    return np.stack(waves, -1).astype(np.uint8)


def rough(width, height, channels):
    """Values that differ from pixel to pixel, the same at every run."""
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
