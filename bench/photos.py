"""TensorFlow's reading, decoding and resizing of images for `cargo xtask bench photos --peers`, as
`keras.utils.image_dataset_from_directory` has it, in batches of 32: all files of a folder, at any depth, so
many times over a round.

    photos.py FOLDER TIMES
"""
import pathlib
import sys

import on_cpu  # noqa: F401 - before Keras, which reads what it sets
from rounds import rounds

import tensorflow as tf

paths = pathlib.Path(sys.argv[1]).rglob("*")
files = sorted(str(path) for path in paths if path.is_file() and not path.name.startswith("."))
files *= int(sys.argv[2])


def load(path):
    image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return tf.image.resize(image, (180, 180), method="bilinear")


images = tf.data.Dataset.from_tensor_slices(files)
images = images.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(32).prefetch(tf.data.AUTOTUNE)


def work():
    count = sum(len(batch) for batch in images)
    assert count == len(files), f"read {count} of {len(files)}"


rounds(work)
