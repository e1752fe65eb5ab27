"""Compares the features of images of ten sizes, with the same weights in each kind of Keras's files, and with
ImageNet's."""
import keras
import numpy as np
from safetensors.numpy import load_file, save_file

import vgg16
from compare import compare

# Odd heights and widths, so that every pooling drops a row and a column. No size is square.
SIZES = [(33, 47), (47, 33), (51, 75), (75, 201), (99, 65), (113, 97), (129, 127), (151, 179), (187, 63), (201, 161)]  # fmt: skip

# Thirteen layers of sums over up to 4608 products, in another order or by another algorithm. Each layer rounds to about
# 1e-6, and 2.5e-5 is measured. A wrong border or layer gives 1e-2 and more.
TOLERANCE = 1e-4


def check(permafrost, _):
    scratch = permafrost.scratch
    random = np.random.default_rng(1)
    images = {f"{height}x{width}": image(random, height, width) for height, width in SIZES}
    save_file(images, scratch / "images.safetensors")
    compare_features(permafrost, vgg16.frozen_base(), images, [scratch / name for name in vgg16.FILES])
    compare_features(permafrost, vgg16.imagenet_base(permafrost.imagenet), images, [permafrost.imagenet])


def compare_features(permafrost, base, images, files):
    """Compares the features of `images` by Keras's `base` and by the program, with the same weights in each of
    `files`."""
    scratch, expected = permafrost.scratch, {}
    for name, values in images.items():
        expected[name] = base(keras.applications.vgg16.preprocess_input(values[None].copy())).numpy()[0]
    for file in files:
        permafrost.features(file, scratch / "images.safetensors", scratch / "features.safetensors")
        found = load_file(scratch / "features.safetensors")
        assert found.keys() == expected.keys(), f"expected {expected.keys()}, found {found.keys()}"
        for size in images:
            compare("features", f"{file.name}, {size}", found[size], expected[size], TOLERANCE, "largest")


def image(random, height, width):
    return random.uniform(0, 255, (height, width, 3)).astype(np.float32)
