"""Compares two epochs of the example's training in Keras and in Permafrost, which start from the same head."""
import keras

import models
from compare import compare, require

# Sums in another order, over six steps that RMSprop scales by the size of the gradients: about 3e-7 is measured.
# Accuracies are counts: one image on the other side of the threshold changes them by 1e-2.
TOLERANCE = 1e-3
COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")


def check(permafrost, pngs):
    scratch = permafrost.scratch
    whole = models.compiled(models.whole(dropout=0))
    whole.save(scratch / "whole_before.keras")
    models.head(dropout=0).save(scratch / "head.keras")
    settings = ("--weights", scratch / "published.h5", "--epochs", 2)
    expected = fit(whole, pngs)
    moves = all(expected[column][0] != expected[column][1] for column in COLUMNS)
    require("history", f"in Keras every one of {', '.join(COLUMNS)} changes between the epochs", moves)
    largest = max(expected["loss"] + expected["val_loss"])
    require("history", f"no loss in Keras is above 5, the largest is {largest:.2f}", largest < 5)
    for number, head in enumerate(("head.keras", "whole_before.keras"), 1):
        found = permafrost.train(pngs, scratch / f"run-{number}", *settings, "--head-from", scratch / head)
        compare_histories("history", f"from {head}", found, expected)

    expected = fit(models.compiled(models.whole(dropout=0)), scratch / "all")
    found = permafrost.train(
        scratch / "all", scratch / "run-all", *settings, "--head-from", scratch / "head.keras"
    )
    compare_histories("history", "on all images", found, expected)


def fit(model, pngs):
    """Trains two epochs in Keras, and returns their history."""
    training, validation = dataset(pngs / "train"), dataset(pngs / "validation")
    return model.fit(training, validation_data=validation, epochs=2, shuffle=False, verbose=0).history


def compare_histories(check, what, found, expected):
    for kind, columns in (("losses", COLUMNS[0::2]), ("accuracies", COLUMNS[1::2])):
        values = ([history[column] for column in columns] for history in (found, expected))
        compare(check, f"{kind} {what}", *values, TOLERANCE, "each")


def dataset(folder):
    return keras.utils.image_dataset_from_directory(
        folder, shuffle=False, image_size=models.SIZE, batch_size=32, label_mode="binary", verbose=0
    )
