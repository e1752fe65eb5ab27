"""Compares a model that Keras trained with the base and the head that Permafrost imports from it."""
import keras
import numpy as np

import models
import image_files
from compare import compare
from vgg16 import frozen_base

# The same as for exports. The one epoch of training has steps too small to change a 32-bit number.
TOLERANCE = 1e-4


def check(permafrost, pngs):
    scratch = permafrost.scratch
    images = image_files.read(image_files.twenty(pngs))
    keras.utils.set_random_seed(1)
    whole = models.compiled(models.whole(augment=True))
    whole.fit(images, np.arange(len(images)) % 2, batch_size=len(images), epochs=1, verbose=0)
    whole.save(scratch / "whole.keras")
    check_import(permafrost, pngs, whole, "whole.keras", "whole.keras")

    # A head with each kind of layer, and batch normalizations before, after and between dense layers and activations.
    layers = keras.layers
    inputs = keras.Input((*models.SIZE, 3))
    outputs = frozen_base(models.SIZE)(keras.applications.vgg16.preprocess_input(inputs))
    for layer in (
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dense(24, use_bias=False),
        layers.BatchNormalization(scale=False),
        layers.ReLU(),
        layers.Dropout(0.25),
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(center=False),
        layers.Dropout(0.25),
        layers.Dense(1, activation="sigmoid"),
    ):
        outputs = layer(outputs)
    chain = models.compiled(keras.Model(inputs, outputs))
    chain.fit(images, np.arange(len(images)) % 2, batch_size=len(images), epochs=20, verbose=0)
    chain.save(scratch / "chain.keras")
    check_import(permafrost, pngs, chain, "chain.keras", "chain.keras")

    # A model that Permafrost exported and Keras trained further and saved in all its formats.
    export = permafrost.export(scratch / "run-1/best", "keras", scratch / "lent.keras")
    lent = models.compiled(keras.models.load_model(export))
    lent.fit(images, np.arange(len(images)) % 2, batch_size=len(images), epochs=1, verbose=0)
    lent.save(scratch / "back.keras")
    lent.save(scratch / "back.h5")
    lent.save_weights(scratch / "back.weights.h5")
    for name in ("back.keras", "back.h5", "back.weights.h5"):
        check_import(permafrost, pngs, lent, name, "back.keras")


def check_import(permafrost, pngs, model, weights, head):
    """Compares the predictions for 20 images of the model and of the base and head in the files."""
    scratch = permafrost.scratch
    files = image_files.twenty(pngs)
    settings = ("--weights", scratch / weights, "--head-from", scratch / head, "--learning-rate", 1e-12)
    run = scratch / f"run-from-{weights}"
    permafrost.train(pngs, run, *settings, "--epochs", 1)
    found = permafrost.predict(run / "best", files)[:, 1:]
    expected = model.predict(image_files.read(files), verbose=0)
    compare("imports", f"{weights}, a batch of 20", found, expected, TOLERANCE, "one")
