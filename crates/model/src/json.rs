//! Probabilities as JSON, with the same text in every command.

use serde_json::{Map, Value};

use crate::ModelCard;

impl ModelCard {
    /// Returns the probabilities of all classes by class name.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::ModelCard;
    /// # use model::{HeadConfig, VggConfig, Weights};
    ///
    /// # let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let card = ModelCard::new(base, &weights, HeadConfig::default(), classes);
    /// let by_class = card.by_class(&[0.1, 0.9]);
    /// assert_eq!(serde_json::to_string(&by_class)?, r#"{"cats":0.1,"dogs":0.9}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn by_class(&self, probabilities: &[f32]) -> Map<String, Value> {
        let numbers = probabilities.iter().map(|&probability| json_number(probability));
        self.classes.iter().cloned().zip(numbers).collect()
    }
}

/// Converts a number to JSON with the digits of the 32-bit float instead of those of its 64-bit conversion.
///
/// # Examples
///
/// ```
/// use model::json_number;
///
/// assert_eq!(json_number(0.1).to_string(), "0.1");
/// assert_eq!(f64::from(0.1f32).to_string(), "0.10000000149011612");
/// ```
pub fn json_number(number: f32) -> Value {
    number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into()
}
