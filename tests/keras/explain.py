"""Compares Grad-CAM heat maps by `tf.GradientTape` in Keras with Permafrost's."""
import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file

import image_files
from compare import compare

# Fraction of a map's range, 0 to 1. The sums over channels agree to 1e-4 of the largest sum, and are divided by the
# largest value of their map. If a map has only small values, this magnifies the rounding error.
TOLERANCE = 1e-3
LAST = "block5_conv3"


def check(permafrost, pngs):
    scratch = permafrost.scratch
    two, three = image_files.twenty(pngs), image_files.twenty(scratch / "three")
    for name, run, files in (
        ("two classes", "run-1", two),
        ("three classes, pooled", "run-three-calibrated", three),
        ("with block 5 unfrozen", "run-unfrozen", two),
    ):
        model = scratch / run / "best"
        loaded = keras.models.load_model(permafrost.export(model, "keras", scratch / f"explained-{run}.keras"))
        images = image_files.read(files)
        save_file({str(number): image for number, image in enumerate(images)}, scratch / "images.safetensors")
        permafrost.explain(model, scratch / "images.safetensors", scratch / "maps.safetensors")
        maps = load_file(scratch / "maps.safetensors")
        found = [maps[str(number)] for number in range(len(images))]
        compare("explain", name, found, heat_maps(loaded, images), TOLERANCE, "one")


def heat_maps(model, images):
    """Returns the maps of each image and class, (N, classes, height, width), with values up to 1."""
    # Makes the outputs logits, the values before the sigmoid or the softmax.
    model.layers[-1].activation = keras.activations.linear
    both = keras.Model(model.inputs, [model.get_layer(LAST).output, model.outputs[0]])
    outputs = model.outputs[0].shape[-1]
    classes = [(0, -1), (0, 1)] if outputs == 1 else [(output, 1) for output in range(outputs)]
    of_classes = []
    for output, sign in classes:
        with tf.GradientTape() as tape:
            # A tape records operations on trainable variables and on watched tensors. A frozen base has no trainable
            # variables.
            inputs = tf.constant(images)
            tape.watch(inputs)
            maps, logits = both(inputs, training=False)
            logit = sign * logits[:, output]
        gradients = tape.gradient(logit, maps)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        seen = tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1)).numpy()
        most = seen.max(axis=(1, 2), keepdims=True)
        of_classes.append(np.divide(seen, most, out=np.zeros_like(seen), where=most > 0))
    return np.stack(of_classes, axis=1)
