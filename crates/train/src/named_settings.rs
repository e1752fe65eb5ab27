//! Every setting of a run by its name, for tables of several runs.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use crate::RunConfig;

/// A setting. TOML's own values hold no count above 2^63, as a seed may be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    Count(u64),
    Other(Value),
}

impl RunConfig {
    /// Every setting by its section and name in `config.toml`, such as `train.learning_rate`, with the text that
    /// is there; words without their quotes. Settings that are left out there are left out here.
    pub fn named_settings(&self) -> BTreeMap<String, String> {
        // By way of the text, in which a 32-bit float has its own digits and not those of its 64-bit neighbour.
        let text = toml::to_string(self).expect("valid settings are plain data");
        let sections: BTreeMap<String, BTreeMap<String, Setting>> =
            toml::from_str(&text).expect("what was just written");
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
    use crate::{DataConfig, DeviceConfig, Start, TrainConfig, WeightsChoice};

    #[test]
    fn settings_have_their_names_and_the_texts_of_the_file() {
        let config = RunConfig {
            weights: WeightsChoice::Seed(7),
            start: Start::Model("runs/first/best".into()),
            data: DataConfig::at(Path::new("pets")),
            augment: AugmentConfig::default(),
            base: VggConfig::default(),
            head: HeadConfig::default(),
            train: TrainConfig { patience: Some(5), seed: u64::MAX, ..TrainConfig::default() },
            device: DeviceConfig::default(),
        };
        let named = config.named_settings();
        for (name, text) in [
            ("weights.seed", "7"),
            ("start.model", "runs/first/best"),
            ("data.path", "pets"),
            ("augment.rotation", "0.1"),
            ("base.size", "[180, 180]"),
            ("train.learning_rate", "0.001"),
            ("train.patience", "5"),
            ("train.seed", "18446744073709551615"),
        ] {
            assert_eq!(named[name], text, "{name}");
        }
        assert!(!named.contains_key("train.views"));
    }
}
