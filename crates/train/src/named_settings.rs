//! Settings of a run by name, for tables that compare runs.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use crate::RunConfig;

/// Value of a setting. TOML integers are limited to 2^63, but a seed may be larger.
#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    Count(u64),
    Other(Value),
}

impl RunConfig {
    /// Returns every setting that is in `config.toml` by its section and name, such as `train.learning_rate`. Values
    /// have the text of the file; strings have no quotes.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, WeightsChoice};
    ///
    /// let named = RunConfig::new("pets", WeightsChoice::Seed(7)).named_settings();
    /// assert_eq!(named["train.learning_rate"], "0.001");
    /// assert_eq!(named["weights.seed"], "7");
    /// ```
    #[doc(alias = "hparams")]
    pub fn named_settings(&self) -> BTreeMap<String, String> {
        // Serialize first: in the text, a 32-bit float has its own digits instead of those of its 64-bit conversion.
        let text = toml::to_string(self).expect("valid settings are plain data");
        let sections: BTreeMap<String, BTreeMap<String, Setting>> =
            toml::from_str(&text).expect("valid TOML");
        let mut named = BTreeMap::new();
        for (section, settings) in sections {
            for (name, setting) in settings {
                let text = match setting {
                    Setting::Count(count) => count.to_string(),
                    Setting::Other(Value::String(word)) => word,
                    Setting::Other(other) => other.to_string(),
                };
                named.insert(format!("{section}.{name}"), text);
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use augment::AugmentConfig;
    use head::HeadConfig;
    use vgg::VggConfig;

    use super::*;
    use crate::{
        DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, TrainConfig,
        WeightsChoice,
    };

    #[test]
    fn settings_are_flattened_to_dotted_names() {
        let config = RunConfig {
            weights: WeightsChoice::Seed(7),
            start: InitialWeights::Model("runs/first/best".into()),
            data: DataConfig::at(Path::new("pets")),
            augment: AugmentConfig::default(),
            base: VggConfig::default(),
            head: HeadConfig::default(),
            linear: None,
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::default(),
            train: TrainConfig { patience: Some(5), seed: u64::MAX, ..TrainConfig::default() },
            device: DeviceConfig::default(),
        };
        let named = config.named_settings();
        for (name, text) in [
            ("weights.seed", "7"),
            ("start.model", "runs/first/best"),
            ("data.path", "pets"),
            ("augment.rotation", "0.1"),
            ("base.image_size", "[180, 180]"),
            ("train.learning_rate", "0.001"),
            ("train.patience", "5"),
            ("train.seed", "18446744073709551615"),
        ] {
            assert_eq!(named[name], text, "{name}");
        }
        assert!(!named.contains_key("train.views"));
    }
}
