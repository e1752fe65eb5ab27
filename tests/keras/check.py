"""Checks that Permafrost and Keras agree. `cargo xtask keras` installs the requirements and runs

    check.py PERMAFROST FEATURES EXPLAIN PHOTOGRAPHS IMAGENET SCRATCH

PERMAFROST is the program. FEATURES and EXPLAIN are the built examples of `crates/vgg` and `crates/model`.
PHOTOGRAPHS is a folder with `train` and `validation`, and with `cats` and `dogs` in each. IMAGENET holds the weights
of VGG16 as safetensors. SCRATCH is an empty folder.

Every comparison prints a line that begins with the name of its check. If a check fails, the others still run.
"""
import logging
import os
import sys
import traceback
from pathlib import Path

# Set before TensorFlow is imported. Sums are plain float32, because a GPU and oneDNN's algorithms are less exact.
# Messages about the machine are disabled.
os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")
# Models of many shapes run here a few times each, so TensorFlow's warnings about slowness are irrelevant.
logging.getLogger("tensorflow").setLevel("ERROR")

import classify
import curves
import explain
import exports
import features
import history
import imports
import image_files
import unfreeze
import vgg16
from compare import Refused, agreed, check_compare
from permafrost import Permafrost

CHECKS = {
    "compare": lambda permafrost, pngs: check_compare(),
    "features": features.check,
    "history": history.check,
    "exports": exports.check,
    "imports": imports.check,
    "unfreeze": unfreeze.check,
    "explain": explain.check,
    "classify": classify.check,
    "tensorboard": curves.check,
}


def main():
    program, features_of, explain_by, jpegs, imagenet, scratch = (Path(argument).resolve() for argument in sys.argv[1:])
    permafrost = Permafrost(program, features_of, explain_by, imagenet, scratch)
    image_files.write_pngs(jpegs, scratch / "all")
    pngs = image_files.write_pngs(jpegs, scratch / "two", image_files.FEWER_DOGS)
    image_files.write_three_classes(jpegs, scratch / "three")
    vgg16.write_files(scratch)
    failed = []
    for name, check in CHECKS.items():
        try:
            check(permafrost, pngs)
            if not agreed[name]:
                raise Refused(f"{name}: nothing was compared")
        except Exception as error:
            if not isinstance(error, (Refused, RuntimeError)):
                traceback.print_exc()
            print(f"error: the check `{name}` failed: {error}", file=sys.stderr, flush=True)
            failed.append(name)
    sys.exit(1 if failed else 0)


main()
