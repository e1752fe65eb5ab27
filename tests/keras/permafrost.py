"""Program under test, run as by a user."""
import csv
import json
import subprocess

import numpy as np


class Permafrost:
    """Runs `program`, which is `permafrost`, and the examples `features_of` and `explain_by` in the folder
    `scratch`. `imagenet` is a weights file."""

    def __init__(self, program, features_of, explain_by, imagenet, scratch):
        self.program, self.imagenet, self.scratch = program, imagenet, scratch
        self.features_of, self.explain_by = features_of, explain_by

    def features(self, weights, images, features):
        self.start(self.features_of, weights, images, features)

    def explain(self, model, images, maps):
        self.start(self.explain_by, model, images, maps)

    def train(self, data, out, *settings, size=64, calibrate=False):
        """Trains on unaugmented images without random choices, and returns the history by column. If `size` is None,
        a run from another model uses the size of that model. Without `calibrate`, probabilities are those of Keras."""
        as_they_are = ("--no-augment", "--no-shuffle", "--dropout", 0, *(() if calibrate else ("--no-calibration",)))
        sized = ("--image-size", size) if size else ()
        self.start(self.program, "train", data, "--out", out, *sized, *as_they_are, *settings)
        with open(out / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in rows[0]}

    def solve(self, data, out, *settings, size=64):
        """Solves a linear head on unaugmented images."""
        self.start(self.program, "train", data, "--out", out, "--image-size", size, "--head", "linear", *settings)

    def predict(self, model, files):
        """Returns the probabilities (N, classes) of images, with the classes in the order of their names."""
        lines = self.start(self.program, "predict", model, *files, "--json").splitlines()
        rows = [json.loads(line) for line in lines]
        named = [row["file"] for row in rows]
        assert named == [str(file) for file in files], f"expected {files}, `predict` named {named}"
        return np.array([[row["probabilities"][name] for name in sorted(row["probabilities"])] for row in rows])

    def classify(self, weights, class_index, files):
        """Returns the best classes of each image, with their probabilities."""
        words = ("classify", "--base", "vgg19", "--weights", weights, "--class-index", class_index, *files, "--json")
        return [json.loads(line)["best"] for line in self.start(self.program, *words).splitlines()]

    def export(self, model, file_format, file):
        self.start(self.program, "export", model, "--format", file_format, "--out", file)
        return file

    def start(self, *words):
        command = [str(word) for word in words]
        ended = subprocess.run(command, cwd=self.scratch, capture_output=True, text=True)
        if ended.returncode != 0:
            words = " ".join(command)
            raise RuntimeError(f"`{words}` ended with {ended.returncode}:\n{ended.stderr.strip()}")
        return ended.stdout
