"""Importing this first settles that Keras runs on TensorFlow, on the CPU and in silence."""
import os

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
