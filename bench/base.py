"""Keras's VGG16 base for `cargo xtask bench base --peers`: one batch at 180x180 per round.

    base.py BATCH
"""
import sys

import on_cpu  # noqa: F401 - before Keras, which reads what it sets
from rounds import rounds

import keras
import numpy as np
import tensorflow as tf

batch = int(sys.argv[1])
base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(180, 180, 3))
run = tf.function(lambda images: base(images, training=False), reduce_retracing=True)
images = tf.constant((np.arange(batch * 180 * 180 * 3) * 7919 % 256 - 117).reshape(batch, 180, 180, 3), tf.float32)


def work():
    assert run(images).numpy().shape == (batch, 5, 5, 512)


rounds(work)
