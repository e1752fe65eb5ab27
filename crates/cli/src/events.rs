//! Events of a run as JSON objects, for other programs. `events.schema.json` describes them.

use std::path::Path;

use model::Metrics;
use serde_json::{Value, json};
use train::{Best, FoldMetric, ImageSet, TrainingEvent};
use vgg::Origin;

use crate::run_summary::{RunSummary, SharedCounts, count_classes, shared_images};

/// Returns the event for a skipped image file.
pub(crate) fn skipped(path: &Path, reason: &str) -> Value {
    json!({"event": "skipped", "path": text(path), "reason": reason})
}

/// Returns the event for the start of a run, with its settings and classes.
pub(crate) fn begun(summary: &RunSummary<'_>) -> Value {
    let RunSummary { config, weights, data, path, .. } = *summary;
    let splits = count_classes(data);
    let of_class = |(label, class): (usize, &String)| {
        let mut counts = json!({"class": class, "train": 0, "validation": 0, "test": 0});
        splits.iter().for_each(|(split, of_split)| counts[split] = of_split[label].into());
        counts
    };
    let classes: Vec<Value> = data.classes().iter().enumerate().map(of_class).collect();
    let mut duplicates = json!({});
    for (split, shared) in shared_images(data) {
        if let Some(SharedCounts { identical, near }) = shared {
            duplicates[split] = json!({"identical": identical, "near": near});
        }
    }
    json!({
        "event": "begun",
        "run": path.map(text),
        "classes": classes,
        "duplicates": duplicates,
        "splits": summary.splits.json(),
        "epochs": config.train.epochs,
        "batch_size": config.train.batch_size,
        "base": config.base.to_string(),
        "features": data.feature_count(),
        "weights": match weights.origin() {
            Origin::Seeded(_) | Origin::Memory => None,
            Origin::File(path) => Some(text(path)),
        },
        "preprocessing": weights.preprocessing().name(),
        "device": config.device.name,
        "engine": data.engines().join(", "),
    })
}

/// Returns the event for an event of the training loop, or `None` if `events.schema.json` does not describe it.
pub(crate) fn event_json(event: &TrainingEvent) -> Option<Value> {
    Some(match event {
        TrainingEvent::Features { set, done, total } => {
            json!({"event": "features", "set": name_of(*set), "done": done, "total": total})
        }
        TrainingEvent::Read { set, done, total } => {
            json!({"event": "read", "set": name_of(*set), "done": done, "total": total})
        }
        TrainingEvent::Streamed { bytes } => json!({"event": "streamed", "bytes": bytes}),
        TrainingEvent::Fold { done, total } => {
            json!({"event": "fold", "done": done, "total": total})
        }
        TrainingEvent::CrossValidated(found) => {
            let of = |FoldMetric { key, mean, deviation, overall, .. }| json!({"metric": key, "mean": mean, "standard_deviation": deviation, "overall": overall});
            let metrics: Vec<Value> = found.metrics().into_iter().map(of).collect();
            json!({"event": "cross_validated", "images": found.folds.len(), "metrics": metrics})
        }
        TrainingEvent::Solved(solution) => {
            let mut event = json!(solution);
            event["event"] = "solved".into();
            event
        }
        TrainingEvent::Step { epoch, step, steps, loss, accuracy } => json!({
            "event": "step",
            "epoch": epoch,
            "step": step,
            "steps": steps,
            "loss": loss,
            "accuracy": accuracy,
        }),
        TrainingEvent::Epoch { metrics, seconds, learning_rate, val_auc, best } => {
            let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
            let mut event = json!({
                "event": "epoch",
                "epoch": epoch,
                "loss": loss,
                "accuracy": accuracy,
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
                "seconds": seconds,
                "learning_rate": learning_rate,
                "best": best,
            });
            if let Some(auc) = val_auc {
                event["val_auc"] = json!(auc);
            }
            event
        }
        TrainingEvent::PreviousCheckpoint { fault, epochs } => {
            json!({"event": "older_state", "fault": fault, "epochs": epochs})
        }
        TrainingEvent::OtherEngine { before, now } => {
            json!({"event": "other_engine", "before": before, "now": now})
        }
        TrainingEvent::Saved { path } => json!({"event": "saved", "path": text(path)}),
        _ => return None,
    })
}

fn name_of(set: ImageSet) -> &'static str {
    match set {
        ImageSet::Training => "training",
        ImageSet::AugmentedCopies => "views",
        ImageSet::Unaugmented => "unaugmented",
        ImageSet::Validation => "validation",
        ImageSet::Test => "test",
    }
}

/// Returns the event for a warning about the data or the history of a run.
pub(crate) fn warning(text: &str) -> Value {
    json!({"event": "warning", "text": text})
}

/// Returns the event for a completed run. `best` is `None` if the best model can't be read, and `test` without test
/// images.
pub(crate) fn complete(
    run: &Path,
    epochs: usize,
    best: Option<Best>,
    test: Option<Value>,
) -> Value {
    let best = best.map(|Best { epoch, val_loss, val_accuracy, val_auc }| {
        let mut best = json!({"epoch": epoch, "val_loss": val_loss, "val_accuracy": val_accuracy});
        if let Some(auc) = val_auc {
            best["val_auc"] = json!(auc);
        }
        best
    });
    json!({"event": "complete", "run": text(run), "epochs": epochs, "best": best, "test": test})
}

/// Returns the event for a run that a signal stopped.
pub(crate) fn stopped(run: &Path, epochs: usize) -> Value {
    json!({"event": "stopped", "run": text(run), "epochs": epochs})
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
