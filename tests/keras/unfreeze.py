"""Compares the second stage of training, with block 5 unfrozen, in Keras and in Permafrost, which start from one
model."""
import keras

import history
from compare import require

# Small enough that two epochs do not destroy what the head has learned, large enough to have an effect.
RATE = 1e-4


def check(permafrost, pngs):
    model = permafrost.scratch / "run-1/best"
    loaded = keras.models.load_model(permafrost.export(model, "keras", permafrost.scratch / "settled.keras"))
    for layer in loaded.layers:
        layer.trainable = not layer.name.startswith(("preprocessing", "block1", "block2", "block3", "block4"))
    tensors = len(loaded.trainable_weights)
    require("unfreeze", f"in Keras {tensors} tensors learn, block 5's 6 and the head's 4", tensors == 10)
    loaded.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(RATE), metrics=["accuracy"])
    expected = history.fit(loaded, pngs)
    require("unfreeze", "in Keras the loss changes between the epochs", len(set(expected["loss"])) == 2)
    settings = ("--from", model, "--unfreeze", "block5", "--base-learning-rate", RATE, "--epochs", 2)
    found = permafrost.train(pngs, permafrost.scratch / "run-unfrozen", *settings, size=None)
    history.compare_histories("unfreeze", "with block 5 unfrozen", found, expected)
