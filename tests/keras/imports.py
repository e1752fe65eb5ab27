"""Imports: a whole model that Keras trained, its base and its head taken over by Permafrost."""
import keras
import numpy as np

import models
import photographs
from compare import compare

# As of exports; the one epoch that is trained is of steps too small to change a 32-bit number.
TOLERANCE = 1e-4


def check(permafrost, pngs):
    scratch = permafrost.scratch
    files = photographs.twenty(pngs)
    pictures = photographs.read(files)
    keras.utils.set_random_seed(1)
    whole = models.compiled(models.whole(augment=True))
    whole.fit(pictures, np.arange(len(files)) % 2, batch_size=len(files), epochs=1, verbose=0)
    file = scratch / "whole.keras"
    whole.save(file)
    settings = ("--weights", file, "--head-from", file, "--epochs", 1, "--learning-rate", 1e-12)
    permafrost.train(pngs, scratch / "run-imported", *settings)
    found = permafrost.predict(scratch / "run-imported/best", files)[:, 1:]
    expected = whole.predict(pictures, verbose=0)
    compare("imports", "whole.keras, a batch of 20", found, expected, TOLERANCE, "one")
