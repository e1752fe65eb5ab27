"""Compares a model that Keras trained with the base and the head that Permafrost imports from it."""
import keras
import numpy as np

import models
import photographs
from compare import compare

# The same as for exports. The one epoch of training has steps too small to change a 32-bit number.
TOLERANCE = 1e-4


def check(permafrost, pngs):
    scratch = permafrost.scratch
    pictures = photographs.read(photographs.twenty(pngs))
    keras.utils.set_random_seed(1)
    whole = models.compiled(models.whole(augment=True))
    whole.fit(pictures, np.arange(len(pictures)) % 2, batch_size=len(pictures), epochs=1, verbose=0)
    whole.save(scratch / "whole.keras")
    check_import(permafrost, pngs, whole, "whole.keras", "whole.keras")

    # A model that Permafrost exported and Keras trained further and saved in all its formats.
    export = permafrost.export(scratch / "run-1/best", "keras", scratch / "lent.keras")
    lent = models.compiled(keras.models.load_model(export))
    lent.fit(pictures, np.arange(len(pictures)) % 2, batch_size=len(pictures), epochs=1, verbose=0)
    lent.save(scratch / "back.keras")
    lent.save(scratch / "back.h5")
    lent.save_weights(scratch / "back.weights.h5")
    for name in ("back.keras", "back.h5", "back.weights.h5"):
        check_import(permafrost, pngs, lent, name, "back.keras")


def check_import(permafrost, pngs, model, weights, head):
    """Compares the predictions for 20 images of the model and of the base and head in the files."""
    scratch = permafrost.scratch
    files = photographs.twenty(pngs)
    settings = ("--weights", scratch / weights, "--head-from", scratch / head, "--learning-rate", 1e-12)
    run = scratch / f"run-from-{weights}"
    permafrost.train(pngs, run, *settings, "--epochs", 1)
    found = permafrost.predict(run / "best", files)[:, 1:]
    expected = model.predict(photographs.read(files), verbose=0)
    compare("imports", f"{weights}, a batch of 20", found, expected, TOLERANCE, "one")
