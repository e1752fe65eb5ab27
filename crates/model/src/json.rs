//! Probabilities as JSON, with the same text in every command.

use serde_json::{Map, Value};

use crate::ModelCard;

impl ModelCard {
    /// Returns the probabilities of all classes by class name.
    pub fn by_class(&self, probabilities: &[f32]) -> Map<String, Value> {
        let numbers = probabilities.iter().map(|&probability| json_number(probability));
        self.classes.iter().cloned().zip(numbers).collect()
    }
}

/// Converts a number to JSON with the digits of the 32-bit float instead of those of its 64-bit conversion.
pub fn json_number(number: f32) -> Value {
    number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into()
}
