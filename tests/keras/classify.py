"""Compares the 1000 classes of VGG19 with its top, from Keras's file and in torchvision's layout."""
import json

import keras
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import image_files
from compare import compare, require
from splitmix import splitmix

SIZE = (224, 224)
# The network has sixteen convolutions and three dense layers, with sums of up to 25,088 products. About 1e-5 is
# measured.
TOLERANCE = 1e-4
BEST = 5


def check(permafrost, pngs):
    scratch = permafrost.scratch
    files = images(image_files.twenty(pngs)[::7], scratch / "classify")
    index = {str(number): [f"n{number:08}", f"class {number}"] for number in range(1000)}
    (scratch / "index.json").write_text(json.dumps(index))
    model = network()
    model.save_weights(scratch / "top.weights.h5")
    save_file(in_torchvision_layout(model), scratch / "top.safetensors")
    inputs = image_files.read(files)
    for name, mode in (("top.weights.h5", "caffe"), ("top.safetensors", "torch")):
        preprocessed = keras.applications.imagenet_utils.preprocess_input(inputs.copy(), mode=mode)
        expected = model.predict(preprocessed, verbose=0)
        rows = permafrost.classify(scratch / name, scratch / "index.json", files)
        order = np.argsort(-expected, axis=1)[:, :BEST]
        named = [[f"class {number}" for number in row] for row in order]
        same = [[best["class"] for best in row] for row in rows] == named
        require("classify", f"{name}: the {BEST} best of 1000 classes are those of Keras", same)
        found = [[best["probability"] for best in row] for row in rows]
        compare("classify", name, found, np.take_along_axis(expected, order, 1), TOLERANCE, "each")


def images(files, folder):
    """Writes three images of the network's size, so that none is resized twice."""
    folder.mkdir()
    for file in files:
        Image.open(file).resize(SIZE, Image.Resampling.BILINEAR).save(folder / file.name)
    return sorted(folder.glob("*.png"))


def network():
    """Returns VGG19 with weights made by a formula, scaled so that a few classes stand out."""
    model = keras.applications.VGG19(weights=None, include_top=True, input_shape=(*SIZE, 3))
    for seed, layer in enumerate((layer for layer in model.layers if layer.weights), 3000):
        kernel = layer.kernel.shape
        inputs = int(np.prod(kernel[:-1]))
        values = splitmix(seed, int(np.prod(kernel))).reshape(kernel) * 2 - 1
        if len(kernel) == 4:
            values -= values.mean((0, 1, 2))
        scale = {"block1_conv1": 1 / 64, "predictions": 3}.get(layer.name, 1)
        bias = (splitmix(seed + 100, kernel[-1]) * 2 - 1) * 0.05
        layer.set_weights([values * np.float32(np.sqrt(6 / inputs) * scale), bias.astype(np.float32)])
    return model


def in_torchvision_layout(model):
    """Returns the arrays in the layout of `torchvision.models.vgg19().state_dict()`: kernels (out, in, 3, 3) and
    (out, in), for maps that are flattened with channels first."""
    arrays, features, dense = {}, 0, 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.MaxPooling2D):
            features += 1
        elif isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            arrays[f"features.{features}.weight"] = kernel.transpose(3, 2, 0, 1)
            arrays[f"features.{features}.bias"] = bias
            features += 2
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            if layer.name == "fc1":
                kernel = kernel.reshape(7, 7, 512, -1).transpose(2, 0, 1, 3).reshape(25088, -1)
            arrays[f"classifier.{dense}.weight"] = kernel.T
            arrays[f"classifier.{dense}.bias"] = bias
            dense += 3
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
