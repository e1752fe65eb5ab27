"""VGG16 for the checks, with random weights made by a formula, in each kind of file that Keras writes.

The formula is the one of the parity fixtures, with two changes without which a head could not learn. The features
are scaled, and each kernel sums to zero. Otherwise the common part of all images would grow from layer to layer
until their features were nearly the same.
"""
import h5py
import keras
import numpy as np
from safetensors.numpy import load_file

from splitmix import splitmix

CONVOLUTIONS = [
    ("block1_conv1", 3, 64), ("block1_conv2", 64, 64),
    ("block2_conv1", 64, 128), ("block2_conv2", 128, 128),
    ("block3_conv1", 128, 256), ("block3_conv2", 256, 256), ("block3_conv3", 256, 256),
    ("block4_conv1", 256, 512), ("block4_conv2", 512, 512), ("block4_conv3", 512, 512),
    ("block5_conv1", 512, 512), ("block5_conv2", 512, 512), ("block5_conv3", 512, 512),
]  # fmt: skip

# He-uniform kernels preserve the scale of their input, but images are about 64 times too large. The first steps of
# RMSprop have one size for any gradients. On features much larger than these, they would raise the loss of a head to a
# hundred.
SCALES = {"block1_conv1": 1 / 64, "block5_conv3": 1 / 2}


def formula_weights(number):
    """Returns the kernel (3, 3, in, out), He-uniform, and the bias (out) of a convolution, by its number in 0..12."""
    name, inputs, outputs = CONVOLUTIONS[number]
    kernel = splitmix(1000 + number, 9 * inputs * outputs).reshape(3, 3, inputs, outputs) * 2 - 1
    kernel -= kernel.mean((0, 1, 2))
    kernel *= np.sqrt(6 / (9 * inputs)) * SCALES.get(name, 1)
    bias = (splitmix(2000 + number, outputs) * 2 - 1) * 0.05 * SCALES.get(name, 1)
    return kernel.astype(np.float32), bias.astype(np.float32)


def frozen_base(size=(None, None)):
    """Returns Keras's own VGG16 without its top, frozen, with the weights of the formula."""
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(*size, 3))
    for number, (name, _, _) in enumerate(CONVOLUTIONS):
        base.get_layer(name).set_weights(formula_weights(number))
    base.trainable = False
    return base


def imagenet_base(weights):
    """Returns Keras's own VGG16 without its top, with the arrays of the safetensors file `weights`."""
    arrays = load_file(weights)
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(None, None, 3))
    for name, _, _ in CONVOLUTIONS:
        base.get_layer(name).set_weights([arrays[f"{name}/kernel"], arrays[f"{name}/bias"]])
    return base


def write_published(path):
    """Writes a file like those that Keras publishes: `block1_conv1/block1_conv1_W_1:0`."""
    write_legacy(path, lambda layer: (f"{layer}_W_1:0", f"{layer}_b_1:0"))


def write_keras_2(path):
    """Writes a file like Keras 2's `save_weights`: `block1_conv1/block1_conv1/kernel:0`."""
    write_legacy(path, lambda layer: (f"{layer}/kernel:0", f"{layer}/bias:0"))


def write_keras_3(path):
    """Writes a file with Keras 3's `save_weights`, which identifies layers by kind and number."""
    frozen_base().save_weights(path)


def write_legacy(path, names_of):
    layers = [layer.name for layer in frozen_base().layers]
    numbers = {name: number for number, (name, _, _) in enumerate(CONVOLUTIONS)}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.1.0"
        for layer in layers:
            group = file.create_group(layer)
            names = names_of(layer) if layer in numbers else ()
            group.attrs["weight_names"] = [name.encode() for name in names]
            if names:
                for name, array in zip(names, formula_weights(numbers[layer])):
                    group.create_dataset(name, data=array)


FILES = {
    "published.h5": write_published,
    "keras_2.h5": write_keras_2,
    "keras_3.weights.h5": write_keras_3,
}


def write_files(folder):
    """Writes the same weights in every kind of file."""
    for name, write in FILES.items():
        write(folder / name)
