"""Finds label errors in random predictions with cleanlab, and prints `label_errors.json` for `label_errors.rs`.

    pip install cleanlab==2.9.0
    python label_errors.py > label_errors.json
"""
import json

import numpy as np
from cleanlab.filter import find_label_issues
from scipy.special import softmax

draw = np.random.default_rng(11)
cases = []
for classes, count, signal in [(2, 60, 2), (2, 300, 1), (3, 150, 2), (5, 400, 1.5), (10, 600, 2.5)]:
    truth = draw.integers(classes, size=count)
    logits = draw.normal(size=(count, classes)) * 1.5
    # Some classes are recognized less confidently than others.
    logits[np.arange(count), truth] += signal * (1 + truth / classes)
    labels = np.where(draw.random(count) < 0.15, draw.integers(classes, size=count), truth)
    logits = logits.astype(np.float32).astype(float)
    issues = find_label_issues(labels, softmax(logits, axis=1), filter_by="confident_learning", n_jobs=1)
    cases.append(
        {
            "labels": labels.tolist(),
            "logits": [[float(f"{value:.9g}") for value in row] for row in logits],
            "issues": np.flatnonzero(issues).tolist(),
        }
    )
print(json.dumps(cases))
