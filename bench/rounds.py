"""What `cargo xtask bench` asks of a peer: for every line on standard input one round of work, and the
seconds it took. Importing this settles that Keras runs on TensorFlow, on the CPU and in silence."""
import os
import sys
import time

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")


def rounds(work):
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(time.perf_counter() - start, flush=True)
