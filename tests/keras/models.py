"""Models of the Keras example: a head on features, and the whole model with the base nested in it."""
import keras
import numpy as np
from keras import layers

from splitmix import splitmix
from vgg16 import frozen_base

# Height and width of the images, small so that Keras trains on them in seconds.
SIZE = (64, 64)
FEATURES = (2, 2, 512)


def head(dropout=0.5, activation="linear"):
    """Returns the example's head as a separate model on the features, with weights made by a formula."""
    model = keras.Sequential(
        [
            keras.Input(FEATURES),
            layers.Flatten(name="flatten"),
            layers.Dense(256, activation=activation, name="dense"),
            layers.Dropout(dropout, name="dropout"),
            layers.Dense(1, activation="sigmoid", name="dense_1"),
        ]
    )
    model.set_weights(head_weights())
    return model


def whole(augment=False, dropout=0.5, feature_scale=1, activation="linear", batch_norm=False):
    """Returns the example's model, with the head's weights made by the same formula. Keras chooses the names of the
    layers. The features are divided by `feature_scale`, and the first kernel multiplied by it."""
    inputs = keras.Input((*SIZE, 3))
    outputs = inputs
    if augment:
        warp = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
        outputs = keras.Sequential(warp)(outputs)
    outputs = keras.applications.vgg16.preprocess_input(outputs)
    outputs = frozen_base(SIZE)(outputs)
    outputs = layers.Flatten()(outputs)
    if feature_scale != 1:
        outputs = layers.Rescaling(1 / feature_scale)(outputs)
    dense, dense_1 = layers.Dense(256), layers.Dense(1, activation="sigmoid")
    outputs = dense(outputs)
    if batch_norm:
        outputs = layers.BatchNormalization()(outputs)
    outputs = dense_1(layers.Dropout(dropout)(layers.Activation(activation)(outputs)))
    kernel, bias, kernel_1, bias_1 = head_weights()
    dense.set_weights([kernel * np.float32(feature_scale), bias])
    dense_1.set_weights([kernel_1, bias_1])
    return keras.Model(inputs, outputs)


def compiled(model, loss="binary_crossentropy", optimizer="rmsprop"):
    model.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"])
    return model


def head_weights():
    """Returns Glorot-uniform kernels and small biases."""
    weights = []
    for seed, (inputs, units) in ((70, (int(np.prod(FEATURES)), 256)), (72, (256, 1))):
        limit = np.sqrt(6 / (inputs + units))
        kernel = splitmix(seed, inputs * units).reshape(inputs, units) * 2 - 1
        bias = splitmix(seed + 1, units) * 2 - 1
        weights += [(kernel * limit).astype(np.float32), (bias * 0.01).astype(np.float32)]
    return weights
