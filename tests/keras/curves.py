"""Compares a run's event files, as TensorBoard's own reader reads them, with the run's `history.csv`."""
import csv
import shutil

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from compare import compare, require

# Event files hold 32-bit floats, and the table has the digits of 64-bit floats. Rounded to 32 bits, both must be the
# same, bit for bit.
TOLERANCE = 0
COLUMNS = {
    "loss": ("train", "epoch_loss"),
    "accuracy": ("train", "epoch_accuracy"),
    "learning_rate": ("train", "epoch_learning_rate"),
    "val_loss": ("validation", "epoch_loss"),
    "val_accuracy": ("validation", "epoch_accuracy"),
    "val_auc": ("validation", "epoch_auc"),
}


def check(permafrost, pngs):
    run = permafrost.scratch / "run-tensorboard"
    settings = ("--weights", "none", "--last-layer", "block1_pool", "--pooling", "max", "--reduce-on-plateau", 1,
                "--monitor", "val_auc")
    permafrost.train(pngs, run, *settings, "--epochs", 3, "--tensorboard")
    compare_curves("of a run", run, 3)

    go_on(permafrost, run, 5)
    compare_curves("of a run that was resumed", run, 5)

    # Simulates a program that was killed while it wrote. The last state is lost. One folder has a truncated record, and
    # the other a complete record of an epoch that is trained again.
    shutil.rmtree(run / "last")
    newest = max((run / "tensorboard/train").iterdir())
    newest.write_bytes(newest.read_bytes()[:-3])
    go_on(permafrost, run, 6)
    compare_curves("of a run that was killed and has trained an epoch again", run, 6)


def go_on(permafrost, run, epochs):
    config = run / "config.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(f"epochs = {epochs}" if line.startswith("epochs = ") else line for line in lines))
    permafrost.start(permafrost.program, "train", "--resume", run)


def compare_curves(what, run, epochs):
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    readers = {name: EventAccumulator(str(run / "tensorboard" / name)).Reload() for name in ("train", "validation")}
    curves = {column: readers[name].Scalars(tag) for column, (name, tag) in COLUMNS.items()}
    steps = [[event.step for event in curve] for curve in curves.values()]
    require("tensorboard", f"every curve {what} has epochs 1 to {epochs}, once", steps == [list(range(1, epochs + 1))] * len(COLUMNS))
    found = [[event.value for event in curve] for curve in curves.values()]
    expected = np.float32([[float(row[column]) for row in rows] for column in curves])
    compare("tensorboard", f"curves {what}", found, expected, TOLERANCE, "largest")
