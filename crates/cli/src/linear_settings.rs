//! Arguments of a linear head, and the settings of its run.

use std::str::FromStr;

use augment::AugmentConfig;
use clap::ValueEnum;
use head::HeadConfig;
use train::{LinearConfig, RunConfig};

/// Kinds of heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeadKind {
    /// Dense layers, trained in epochs
    #[default]
    Dense,
    /// One dense layer, solved by logistic regression in seconds
    Linear,
}

/// Strength of the L2 penalty of a linear head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Penalty {
    /// Chosen by cross-validation.
    Auto,
    /// Inverse strength C.
    C(f64),
}

impl FromStr for Penalty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(c)) if c > 0.0 && f64::is_finite(c) => Ok(Self::C(c)),
            _ => Err("expected `auto` or a positive number".into()),
        }
    }
}

/// Changes the settings of a run to those of a linear head.
///
/// # Errors
///
/// Returns an error if there is an `unused` flag.
pub(crate) fn with_linear_head(
    config: RunConfig,
    penalty: Option<Penalty>,
    unused: Option<&str>,
) -> anyhow::Result<RunConfig> {
    if let Some(flag) = unused {
        anyhow::bail!(
            "`{flag}` does not apply to `--head linear`, which is solved at once\nhint: {}",
            match flag {
                "--flip" | "--rotation" | "--zoom" | "--compose" =>
                    "add `--views COPIES` for augmented copies",
                _ => "omit one of the two",
            }
        );
    }
    let mut config = config;
    config.linear = Some(LinearConfig {
        c: match penalty {
            None | Some(Penalty::Auto) => None,
            Some(Penalty::C(c)) => Some(c),
        },
    });
    config.head = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
    config.train.epochs = 1;
    if config.train.views.is_none() {
        config.augment = AugmentConfig::NONE;
    }
    Ok(config)
}
