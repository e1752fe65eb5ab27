"""Cross-validation with scikit-learn for `cargo xtask bench linear --peers`: 5 folds of 2000 samples of two classes, C = 1.

    linear.py WIDTH
"""
import sys

import numpy as np
from rounds import rounds
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SAMPLES, FOLDS = 2000, 5
width = int(sys.argv[1])
rows, columns = np.arange(SAMPLES)[:, None], np.arange(width)[None, :]
labels = (rows * rows + rows * 7919) % 1009 % 2
noise = (rows * (2 * columns + 3) * 7919 + columns * columns * 31 + rows * rows * 13) % 997 / 997
features = (noise * 8 + np.where(columns % 2 == labels, 0.3, 0)).astype(np.float32)
labels = labels[:, 0]
folds = PredefinedSplit(np.arange(SAMPLES) % FOLDS)
model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=10_000))


def work():
    cross_val_predict(model, features, labels, cv=folds, method="predict_proba")


rounds(work)
