//! What a model says, as JSON has it: the same text from every command.

use serde_json::{Map, Value};

use crate::ModelCard;

impl ModelCard {
    /// These probabilities of all classes, each under its class's name.
    pub fn by_class(&self, probabilities: &[f32]) -> Map<String, Value> {
        let numbers = probabilities.iter().map(|&probability| json_number(probability));
        self.classes.iter().cloned().zip(numbers).collect()
    }
}

/// The number with the digits that a 32-bit float has, and not with those of its 64-bit neighbour.
pub fn json_number(number: f32) -> Value {
    number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into()
}
