"""The Keras example for `cargo xtask bench job --peers`. Random weights do not change its time.

    job.py IMAGES RUN EPOCHS

Prints one JSON object: `epoch_seconds`, and `peak_bytes`, the peak memory of the program.
"""
import json
import pathlib
import resource
import sys
import time

import on_cpu  # noqa: F401 - before Keras, which reads what it sets

import keras
from keras import layers

images, run, epochs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
training, validation = (
    keras.utils.image_dataset_from_directory(
        images / part, image_size=(180, 180), batch_size=32, label_mode="binary", verbose=0
    )
    for part in ("train", "validation")
)
base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(180, 180, 3))
base.trainable = False
inputs = keras.Input((180, 180, 3))
outputs = inputs
for layer in (layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)):
    outputs = layer(outputs)
outputs = base(keras.applications.vgg16.preprocess_input(outputs))
outputs = layers.Dense(256)(layers.Flatten()(outputs))
outputs = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(outputs))
model = keras.Model(inputs, outputs)
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])


class Times(keras.callbacks.Callback):
    ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())


run.mkdir(parents=True)
best = keras.callbacks.ModelCheckpoint(str(run / "best.keras"), monitor="val_loss", save_best_only=True)
start = time.perf_counter()
model.fit(training, epochs=epochs, validation_data=validation, callbacks=[best, Times()], verbose=0)
seconds = [end - before for before, end in zip([start] + Times.ends, Times.ends)]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"epoch_seconds": seconds, "peak_bytes": peak}))
