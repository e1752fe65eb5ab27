"""Computes metrics of random predictions with scikit-learn and NumPy, and prints `metrics.json` for `metrics.rs`.

    pip install scikit-learn==1.7.2 scipy==1.16.3
    python metrics.py > metrics.json
"""
import json

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import precision_recall_curve, precision_recall_fscore_support, roc_auc_score

draw = np.random.default_rng(7)
cases = []
for classes, count in [(2, 1), (2, 40), (2, 400), (3, 60), (7, 300)]:
    labels = draw.integers(classes, size=count)
    logits = draw.normal(size=(count, classes)) * 1.5
    logits[np.arange(count), labels] += 1
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if count == 40:  # Creates many ties.
        probabilities = np.round(probabilities * 8) / 8
    probabilities = probabilities.astype(np.float32).astype(float)
    predicted = probabilities.argmax(1) if classes > 2 else (probabilities[:, 1] > 0.5).astype(int)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    is_of = [labels == label for label in range(classes)]
    auc = [
        roc_auc_score(own, probabilities[:, label]) if 0 < own.sum() < count else None
        for label, own in enumerate(is_of)
    ]
    thresholds = []
    for label, own in enumerate(is_of):
        if not own.any():
            thresholds.append(None)
            continue
        precisions, recalls, at = precision_recall_curve(own, probabilities[:, label])
        found = [(r, t) for p, r, t in zip(precisions, recalls, at) if p >= 0.9 and r > 0]
        thresholds.append(max(found) if found else None)

    confidence, right = probabilities[np.arange(count), predicted], predicted == labels
    bins = np.clip(np.ceil(confidence * 15).astype(int), 1, 15)
    error = sum(
        abs(confidence[bins == n].mean() - right[bins == n].mean()) * (bins == n).sum()
        for n in range(1, 16)
        if (bins == n).any()
    ) / count

    def loss(log_temperature):
        scaled = np.log(np.maximum(probabilities, 1e-7)) / np.exp(log_temperature)
        return (np.log(np.exp(scaled).sum(1)) - scaled[np.arange(count), labels]).sum()

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-9})
    cases.append(
        {
            "classes": classes,
            "labels": labels.tolist(),
            "probabilities": probabilities.tolist(),
            "predicted": predicted.tolist(),
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.tolist(),
            "auc": auc,
            "recall_and_threshold_at_precision_0.9": thresholds,
            "calibration_error": error,
            "temperature": float(np.exp(best.x)),
        }
    )
print(json.dumps(cases))
