"""Training steps of Keras's head for `cargo xtask bench head --peers`: STEPS steps per round, with
batches of 32 on VGG16's features at 180x180.

    head.py STEPS
"""
import sys

import on_cpu  # noqa: F401 - before Keras, which reads what it sets
from rounds import rounds

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH = 32
steps = int(sys.argv[1])
head = keras.Sequential(
    [
        keras.Input((5, 5, 512)),
        layers.Flatten(),
        layers.Dense(256),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    ]
)
head.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
features = np.array(np.arange(BATCH * 5 * 5 * 512) * 7919 % 256 / 64, np.float32).reshape(BATCH, 5, 5, 512)
labels = np.array(np.arange(BATCH) % 2, np.float32)
batch = (tf.constant(features), tf.constant(labels))
batches = tf.data.Dataset.from_tensors(batch).repeat(steps)


def work():
    head.fit(batches, epochs=1, verbose=0)


rounds(work)
