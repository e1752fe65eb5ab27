"""Keras's augmentation for `cargo xtask bench augment --peers`: the layers of the example and
`preprocess_input` on images of 180x180, in batches of 32, as one graph.

    augment.py IMAGES
"""
import sys

import on_cpu  # noqa: F401 - before Keras, which reads what it sets
from rounds import rounds

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH = 32
count = int(sys.argv[1])
augment = keras.Sequential(
    [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
)
run = tf.function(
    lambda images: keras.applications.vgg16.preprocess_input(augment(images, training=True)),
    reduce_retracing=True,
)
images = tf.constant((np.arange(BATCH * 180 * 180 * 3) * 7919 % 256).reshape(BATCH, 180, 180, 3), tf.float32)


def work():
    for first in range(0, count, BATCH):
        batch = min(BATCH, count - first)
        assert run(images[:batch]).numpy().shape == (batch, 180, 180, 3)


rounds(work)
