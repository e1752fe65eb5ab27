"""Times Keras's VGG16 base for `cargo xtask bench base --peers`, one round at a time:

    base.py BATCH

For every line on standard input a batch at 180x180 goes through, and the seconds it took are printed.
"""
import os
import sys
import time

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
import keras
import numpy as np
import tensorflow as tf

batch = int(sys.argv[1])
base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(180, 180, 3))
run = tf.function(lambda pictures: base(pictures, training=False), reduce_retracing=True)
pictures = tf.constant((np.arange(batch * 180 * 180 * 3) * 7919 % 256 - 117).reshape(batch, 180, 180, 3), tf.float32)
for _ in sys.stdin:
    start = time.perf_counter()
    features = run(pictures).numpy()
    seconds = time.perf_counter() - start
    assert features.shape == (batch, 5, 5, 512)
    print(seconds, flush=True)
