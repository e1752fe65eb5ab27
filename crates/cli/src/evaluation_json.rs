//! Evaluation of a model as a JSON object. `evaluation.schema.json` describes it.

use model::{ModelCard, json_number};
use report::{ClassScores, Predictions};
use serde_json::{Value, json};

/// Returns the loss without the temperature, as in a training history without label smoothing.
pub(crate) fn uncalibrated_loss(predictions: &Predictions) -> f64 {
    predictions.clone().with_temperature(1.0).log_loss()
}

/// Returns the metrics, the scores of each class and the confusion matrix, as `evaluation.schema.json` describes them.
pub(crate) fn evaluation_json(
    predictions: &Predictions,
    card: &ModelCard,
) -> serde_json::Result<Value> {
    let mut json = serde_json::to_value(predictions.evaluation())?;
    json["images"] = predictions.len().into();
    json["loss"] = uncalibrated_loss(predictions).into();
    json["temperature"] = card.temperature.into();
    let is_used = card.classes.len() == 2;
    json["threshold"] = if is_used { json_number(card.threshold) } else { Value::Null };
    json["threshold_rule"] = card.threshold_rule.clone().into();
    json["confusion"] = serde_json::to_value(predictions.confusion())?;
    let of_class = |(label, (class, scores)): (usize, (&String, ClassScores))| {
        let ClassScores { precision, recall, f1, support } = scores;
        json!({
            "class": class,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
            "auc": predictions.auc(label),
            "average_precision": predictions.average_precision(label),
        })
    };
    let scores = card.classes.iter().zip(predictions.scores());
    json["classes"] = scores.enumerate().map(of_class).collect();
    Ok(json)
}
