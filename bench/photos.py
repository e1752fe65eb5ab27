"""TensorFlow's reading, decoding and resizing of photographs for `cargo xtask bench photos --peers`, as
`keras.utils.image_dataset_from_directory` has it: all files of a folder a round, at any depth.

    photos.py FOLDER
"""
import pathlib
import sys

from rounds import rounds

import tensorflow as tf

files = sorted(str(path) for path in pathlib.Path(sys.argv[1]).rglob("*") if path.is_file())


def load(path):
    picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    picture.set_shape((None, None, 3))
    return tf.image.resize(picture, (180, 180), method="bilinear")


pictures = tf.data.Dataset.from_tensor_slices(files).map(load, num_parallel_calls=tf.data.AUTOTUNE)


def work():
    count = sum(1 for _ in pictures.prefetch(tf.data.AUTOTUNE))
    assert count == len(files), f"read {count} of {len(files)}"


rounds(work)
