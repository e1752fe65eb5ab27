"""Solves logistic regressions with scikit-learn, and prints `oracle.json` for `oracle.rs`.

    pip install scikit-learn==1.8.0
    python oracle.py > oracle.json
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

FOLDS = 4


def samples(count, width, classes):
    """The features and labels that `oracle.rs` computes from the same formulas."""
    rows, columns = np.arange(count)[:, None], np.arange(width)[None, :]
    labels = (rows * rows + rows * 7919) % 1009 % classes
    noise = (rows * (2 * columns + 3) * 7919 + columns * columns * 31 + rows * rows * 13) % 997 / 997
    features = noise * 8 + np.where(columns % classes == labels, 1.5, 0)
    return features.astype(np.float32).astype(np.float64), labels[:, 0]


def solve(count, width, classes, c, balanced):
    x, y = samples(count, width, classes)
    weights = compute_class_weight("balanced", classes=np.arange(classes), y=y) if balanced else np.ones(classes)
    regression = LogisticRegression(
        C=c, tol=1e-8, max_iter=100_000, class_weight=dict(enumerate(weights)) if balanced else None
    )
    model = make_pipeline(StandardScaler(), regression)
    model.fit(x, y)
    logs = model.predict_log_proba(x)[np.arange(count), y]
    objective = -c * np.sum(weights[y] * logs) + 0.5 * np.sum(model[-1].coef_ ** 2)
    folds = np.arange(count) % FOLDS
    held_out = cross_val_predict(model, x, y, cv=PredefinedSplit(folds), method="predict_proba")
    return {
        "count": count,
        "width": width,
        "classes": classes,
        "c": c,
        "class_weights": weights.tolist(),
        "objective": objective,
        "decisions": model.predict(x).tolist(),
        "held_out": [[float(f"{p:.9g}") for p in row] for row in held_out],
    }


cases = [
    solve(count, width, classes, c, balanced)
    for count, width in [(80, 12), (60, 150)]
    for classes in [2, 5]
    for c in [0.01, 1.0, 100.0]
    for balanced in [False, True]
]
print(json.dumps({"folds": FOLDS, "cases": cases}))
