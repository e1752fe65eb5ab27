"""Computes metrics of random predictions with scikit-learn, SciPy and NumPy from logits, and prints `metrics.json` for
`metrics.rs`.

    pip install scikit-learn==1.8.0 scipy==1.16.3
    python metrics.py > metrics.json
"""
import json

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    matthews_corrcoef,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
)


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose inputs are its logits."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x):
        # For two classes, scikit-learn takes the logit of the second.
        return x[:, 1] - x[:, 0] if len(self.classes_) == 2 else x

    def predict(self, x):
        return x.argmax(1)


def fitted_temperature(logits, labels):
    given = FrozenEstimator(Given().fit(logits, labels))
    model = CalibratedClassifierCV(given, method="temperature").fit(logits, labels)
    beta = model.calibrated_classifiers_[0].calibrators[0].beta_
    # For two classes, scikit-learn divides the logits (-x, x), whose difference is twice that of (0, x).
    return float(1 / beta / (2 if logits.shape[1] == 2 else 1))


def f1_of(precision, recall):
    return precision * recall / (precision + recall) if recall > 0 else 0


draw = np.random.default_rng(7)
cases = []
for classes, count, scale, ties in [
    (2, 1, 1, False),
    (2, 40, 1, True),
    (2, 400, 1, False),
    (2, 300, 3e3, True),
    (3, 60, 1, False),
    (3, 200, 3e3, False),
    (7, 300, 30, True),
]:
    labels = draw.integers(classes, size=count)
    logits = draw.normal(size=(count, classes)) * 1.5
    logits[np.arange(count), labels] += 1
    if ties and classes == 2:
        logits = np.round(logits * 2) / 2
    elif ties:  # Equal rows with other labels. Rounded logits would have ties that depend on the order of sums.
        logits[count // 2 :] = logits[: count // 2]
    logits = (logits * scale).astype(np.float32).astype(float)
    if classes == 2:  # As a model with one output has them.
        logits = np.stack([np.zeros(count), (logits[:, 1] - logits[:, 0]).astype(np.float32)], 1)
    predicted = logits.argmax(1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    log_odds = np.stack(
        [logits[:, c] - logsumexp(np.delete(logits, c, 1), axis=1) for c in range(classes)], 1
    )
    log_probabilities = log_softmax(logits, axis=1)
    probabilities = np.exp(log_probabilities)
    is_of = [labels == label for label in range(classes)]
    both = [0 < own.sum() < count for own in is_of]
    auc = [roc_auc_score(own, log_odds[:, c]) if both[c] else None for c, own in enumerate(is_of)]
    average_precision = [
        average_precision_score(own, log_odds[:, c]) if own.any() else None
        for c, own in enumerate(is_of)
    ]
    # Thresholds on calibrated logits: (log odds, precision, recall) of the best at each rule.
    calibrated = logits / scale
    log_odds = np.stack(
        [calibrated[:, c] - logsumexp(np.delete(calibrated, c, 1), axis=1) for c in range(classes)],
        1,
    )
    thresholds = []
    for label, own in enumerate(is_of):
        if not own.any():
            thresholds.append([None] * 3)
            continue
        precisions, recalls, at = precision_recall_curve(own, log_odds[:, label])
        found = [(t, p, r) for p, r, t in zip(precisions, recalls, at)]
        best = [
            max(found, key=lambda one: (f1_of(*one[1:]), one[0])),
            max((one for one in found if one[1] >= 0.9), key=lambda one: one[:0:-1], default=None),
            max((one for one in found if one[2] >= 0.8), key=lambda one: one[1:]),
        ]
        thresholds.append(best)

    confidence, right = probabilities[np.arange(count), predicted], predicted == labels
    bins = np.clip(np.ceil(confidence * 15).astype(int), 1, 15)
    error = sum(
        abs(confidence[bins == n].mean() - right[bins == n].mean()) * (bins == n).sum()
        for n in range(1, 16)
        if (bins == n).any()
    ) / count
    is_separated = (logits.max(1) <= logits[np.arange(count), labels]).all()
    cases.append(
        {
            "labels": labels.tolist(),
            "logits": logits.tolist(),
            "predicted": predicted.tolist(),
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.tolist(),
            "auc": auc,
            "average_precision": average_precision,
            "scale": scale,
            "best_f1_precision_0.9_recall_0.8": thresholds,
            "calibration_error": error,
            "log_loss": float(-log_probabilities[np.arange(count), labels].mean()),
            "brier": float(
                brier_score_loss(labels, probabilities[:, 1])
                if classes == 2
                else brier_score_loss(labels, probabilities, labels=range(classes))
            ),
            "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
            "mcc": float(matthews_corrcoef(labels, predicted)),
            "temperature": None if is_separated else fitted_temperature(logits, labels),
        }
    )
print(json.dumps(cases))
