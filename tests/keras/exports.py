"""Compares exported models, run by Keras and by ONNX Runtime, with the program's own predictions."""
import keras
import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

import models
import image_files
import vgg16
from compare import Refused, compare, require

# Features agree to 1e-4 of the largest, and the sums of a head average these errors: about 4e-7 is measured. With red
# and blue exchanged, the difference is 6e-2. With every image brighter by one level of 255, it is 2e-4.
TOLERANCE = 1e-4


def check(permafrost, pngs):
    two = permafrost.scratch / "run-1/best"
    check_model(permafrost, "two classes", two, image_files.twenty(pngs))
    check_safetensors(permafrost, two, image_files.twenty(pngs))

    # Calibrated models, whose temperature is in the exported layers.
    settings = ("--weights", permafrost.imagenet, "--pooling", "avg", "--epochs", 5)
    for classes, folder in [("two", pngs), ("three", permafrost.scratch / "three")]:
        run = permafrost.scratch / f"run-{classes}-calibrated"
        permafrost.train(folder, run, *settings, calibrate=True)
        name = f"{classes} classes, calibrated"
        check_model(permafrost, name, run / "best", image_files.twenty(folder))

    # Each kind of head; the batch normalization is folded, and the scale of the features is in the first kernel.
    for name, flags in (
        ("two hidden layers, normalized, ReLU", ("--hidden-units", "32,16", "--hidden-activation", "relu", "--batch-norm")),
        ("GELU", ("--hidden-units", 32, "--hidden-activation", "gelu")),
        ("no hidden layer, scaled", ("--hidden-units", 0, "--scale-features")),
    ):
        run = permafrost.scratch / f"run-{name.replace(', ', '-').replace(' ', '-')}"
        permafrost.train(pngs, run, *settings, *flags)
        check_model(permafrost, name, run / "best", image_files.twenty(pngs))

    # Linear heads, whose standardization is in the kernel and the bias.
    for classes, folder in [("two", pngs), ("three", permafrost.scratch / "three")]:
        run = permafrost.scratch / f"run-{classes}-linear"
        permafrost.solve(folder, run, "--weights", permafrost.imagenet)
        check_model(permafrost, f"{classes} classes, linear", run / "best", image_files.twenty(folder))


def check_model(permafrost, name, model, files):
    images, expected = image_files.read(files), expected_of(permafrost, model, files)
    stem = name.replace(", ", "_").replace(" ", "_")

    loaded = keras.models.load_model(permafrost.export(model, "keras", permafrost.scratch / f"{stem}.keras"))
    file = permafrost.export(model, "onnx", permafrost.scratch / f"{stem}.onnx")
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    runtimes = {
        "Keras": lambda batch: loaded.predict(batch, verbose=0),
        "ONNX Runtime": lambda batch: session.run(None, {session.get_inputs()[0].name: batch})[0],
    }
    for runtime, run in runtimes.items():
        compare("exports", f"{name}, {runtime}, a batch of 20", run(images), expected, TOLERANCE, "one")
        one_by_one = np.concatenate([run(image[None]) for image in images])
        compare("exports", f"{name}, {runtime}, 20 batches of 1", one_by_one, expected, TOLERANCE, "one")
    check_learning(name, loaded, images, expected)


def expected_of(permafrost, model, files):
    """Returns the probabilities of `predict` in Keras's form: for two classes, only the probability of the second
    one."""
    probabilities = permafrost.predict(model, files)
    return probabilities[:, 1:] if probabilities.shape[1] == 2 else probabilities


def check_safetensors(permafrost, model, files):
    """Compares a model that Keras built and that gets the exported arrays by their names."""
    arrays = load_file(permafrost.export(model, "safetensors", permafrost.scratch / "two_classes.safetensors"))
    # A 1x1 convolution of RGB images, which gives the first kernel its order of colors.
    kernel, bias = arrays.pop("preprocessing/kernel"), arrays.pop("preprocessing/bias")
    base, head = vgg16.frozen_base(models.SIZE), models.head()
    for layer in base.layers + head.layers:
        if layer.weights:
            layer.set_weights([arrays.pop(f"{layer.name}/{part}") for part in ("kernel", "bias")])
    if arrays:
        raise Refused(f"exports: two classes, safetensors: {', '.join(arrays)} is none of the model's")
    features = base.predict(image_files.read(files) @ kernel[0, 0] + bias, verbose=0)
    found, expected = head.predict(features, verbose=0), expected_of(permafrost, model, files)
    compare("exports", "two classes, safetensors, a batch of 20", found, expected, TOLERANCE, "one")


def check_learning(name, model, images, probabilities):
    """Checks that a step of Keras's own training changes the head and not the base."""
    layers = list(model._flatten_layers(include_self=False))
    base = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    head = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    frozen = len(base) == 14 and not any(layer.trainable for layer in base)
    require("exports", f"{name}, Keras, the preprocessing and 13 convolutions are frozen", frozen)

    before = [[layer.get_weights() for layer in part] for part in (base, head)]
    classes = probabilities.shape[1]
    loss = "binary_crossentropy" if classes == 1 else "sparse_categorical_crossentropy"
    model.compile(loss=loss, optimizer="rmsprop", metrics=["accuracy"])
    labels = np.arange(len(images)) % max(classes, 2)
    history = model.fit(images, labels, batch_size=len(images), epochs=1, verbose=0).history
    moved = [[changed(*pair) for pair in zip(layers, part)] for layers, part in zip((base, head), before)]
    learns = np.isfinite(history["loss"]).all() and not any(moved[0]) and head and all(moved[1])
    require("exports", f"{name}, Keras, a step changes the head and not the base", learns)


def changed(layer, before):
    return any((now != then).any() for now, then in zip(layer.get_weights(), before, strict=True))
