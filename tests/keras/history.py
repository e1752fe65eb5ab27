"""Compares two epochs of the example's training in Keras and in Permafrost, which start from the same head."""
import json

import keras
import numpy as np

import models
from compare import compare, require
from vgg16 import frozen_base

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


    # A loss of other numbers, so that weights or smoothing that have no effect are noticed.
    plain = expected
    for what, smoothing, weights, flags in (
        ("class weights", 0, {0: 0.5, 1: 3.0}, ("--class-weight", "cats=0.5,dogs=3")),
        ("label smoothing", 0.2, None, ("--label-smoothing", 0.2)),
        ("both", 0.1, {0: 2.0, 1: 0.25}, ("--class-weight", "cats=2,dogs=0.25", "--label-smoothing", 0.1)),
    ):
        loss = keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
        expected = fit(models.compiled(models.whole(dropout=0), loss), pngs, class_weight=weights)
        moves = abs(expected["loss"][0] / plain["loss"][0] - 1) > 0.05
        require("history", f"in Keras, the loss changes with {what}", moves)
        run = scratch / f"run-{what.replace(' ', '-')}"
        found = permafrost.train(pngs, run, *settings, *flags, "--head-from", scratch / "head.keras")
        compare_histories("history", f"with {what}", found, expected)

    # Rates and decays with which the losses change by about as much as with RMSprop.
    optimizers, steps = keras.optimizers, len(dataset(pngs / "train"))
    cosine = optimizers.schedules.CosineDecay(0.0, steps, warmup_target=1e-3, warmup_steps=steps)
    halves = optimizers.schedules.PiecewiseConstantDecay([steps - 1, (3 * steps + 1) // 2 - 1], [1e-3, 1e-4, 1e-5])
    for what, optimizer, flags in (
        ("Adam", optimizers.Adam(), ("--optimizer", "adam")),
        ("AdamW", optimizers.AdamW(weight_decay=20.0), ("--optimizer", "adamw", "--weight-decay", 20)),
        ("SGD", optimizers.SGD(1e-5, momentum=0.9), ("--optimizer", "sgd", "--learning-rate", 1e-5, "--momentum", 0.9)),
        (
            "Nesterov's momentum",
            optimizers.SGD(1e-5, momentum=0.9, nesterov=True),
            ("--optimizer", "sgd", "--learning-rate", 1e-5, "--momentum", 0.9, "--nesterov"),
        ),
        ("momentum", optimizers.RMSprop(momentum=0.5), ("--momentum", 0.5)),
        ("weight decay", optimizers.RMSprop(weight_decay=20.0), ("--weight-decay", 20)),
        ("clipped gradients", optimizers.SGD(1e-2, clipnorm=0.1), ("--optimizer", "sgd", "--clip-norm", 0.1)),
        ("a cosine schedule and a warm-up", optimizers.RMSprop(cosine), ("--schedule", "cosine", "--warmup-epochs", 1)),
        ("a step schedule", optimizers.RMSprop(halves), ("--schedule", "step")),
    ):
        expected = fit(models.compiled(models.whole(dropout=0), optimizer=optimizer), pngs)
        moves = abs(expected["val_loss"][1] / plain["val_loss"][1] - 1) > 0.01
        require("history", f"in Keras, the val_loss changes with {what}", moves)
        run = scratch / f"run-{what.replace(' ', '-')}"
        found = permafrost.train(pngs, run, *settings, *flags, "--head-from", scratch / "head.keras")
        compare_histories("history", f"with {what}", found, expected)

    models.head(dropout=0, activation="relu").save(scratch / "relu.keras")
    for what, activation, batch_norm in (("ReLU", "relu", False), ("batch normalization and ReLU", "relu", True)):
        model = models.whole(dropout=0, activation=activation, batch_norm=batch_norm)
        expected = fit(models.compiled(model), pngs)
        moves = abs(expected["val_loss"][1] / plain["val_loss"][1] - 1) > 0.01
        require("history", f"in Keras, the val_loss changes with {what}", moves)
        run = scratch / f"run-{what.replace(' ', '-')}"
        flags = ("--batch-norm",) if batch_norm else ()
        found = permafrost.train(pngs, run, *settings, *flags, "--head-from", scratch / "relu.keras")
        compare_histories("history", f"with {what}", found, expected)

    found = permafrost.train(
        pngs, scratch / "run-scaled", *settings, "--scale-features", "--head-from", scratch / "head.keras"
    )
    scale = json.loads((scratch / "run-scaled/best/model.json").read_text())["feature_scale"]
    deviation = float(np.std(features_of(pngs), dtype=np.float64))
    is_deviation = abs(scale / deviation - 1) < 1e-5
    require("history", f"the features are divided by {scale:.6f}, their standard deviation is {deviation:.6f}", is_deviation)
    expected = fit(models.compiled(models.whole(dropout=0, feature_scale=scale)), pngs)
    moves = abs(expected["val_loss"][1] / plain["val_loss"][1] - 1) > 0.05
    require("history", "in Keras scaled features change the val_loss", moves)
    compare_histories("history", "with scaled features", found, expected)


def features_of(pngs):
    """Returns Keras's features of the training images."""
    base = frozen_base(models.SIZE)
    batches = (keras.applications.vgg16.preprocess_input(images) for images, _ in dataset(pngs / "train"))
    return np.concatenate([base(batch).numpy() for batch in batches])


def fit(model, pngs, class_weight=None):
    """Trains two epochs in Keras, and returns their history."""
    training, validation = dataset(pngs / "train"), dataset(pngs / "validation")
    return model.fit(
        training, validation_data=validation, epochs=2, shuffle=False, verbose=0, class_weight=class_weight
    ).history


def compare_histories(check, what, found, expected):
    for kind, columns in (("losses", COLUMNS[0::2]), ("accuracies", COLUMNS[1::2])):
        values = ([history[column] for column in columns] for history in (found, expected))
        compare(check, f"{kind} {what}", *values, TOLERANCE, "each")


def dataset(folder):
    return keras.utils.image_dataset_from_directory(
        folder, shuffle=False, image_size=models.SIZE, batch_size=32, label_mode="binary", verbose=0
    )
