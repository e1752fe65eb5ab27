//! Summary that `train` prints before the first epoch, with one aligned row per aspect of the run.

use std::io::{self, Write};
use std::path::Path;

use augment::{AugmentConfig, Compose, RandomFlip};
use head::{Activation, HeadConfig};
use model::{ModelCard, load_card};
use photos::{ImageDataset, SharedImages, SplitDatasets};
use quoting::Shown;
use train::{Data, InitialWeights, Monitor, OptimizerConfig, RunConfig, Schedule, TrainConfig};
use vgg::{Origin, Pooling, Preprocessing, VggError, Weights};

use crate::pipe::stdout;
use crate::split_names::SplitNames;

/// Maximum width of a row in characters, exceeded only by a single long word.
const WIDTH: usize = 80;

/// Column at which the texts begin.
const INDENT: usize = 14;

/// Ratio of the largest to the smallest class above which class weights are recommended.
const IMBALANCE: usize = 3;

/// Maximum number of classes that are listed individually.
const NAMED: usize = 6;

/// Settings and data of a run, for its summary.
pub(crate) struct RunSummary<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) weights: &'a Weights,
    pub(crate) data: Data<'a>,
    pub(crate) splits: SplitNames,
    /// Warnings about the data.
    pub(crate) warnings: Vec<String>,
    /// Run directory, if the run is saved.
    pub(crate) path: Option<&'a Path>,
}

impl RunSummary<'_> {
    /// Prints the summary.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut out = stdout();
        print_row(&mut out, "Images", &self.images())?;
        print_row(&mut out, "Splits", &self.splits.to_string())?;
        print_row(&mut out, "Classes", &self.classes())?;
        if let Some(duplicates) = self.duplicates() {
            print_row(&mut out, "Duplicates", &duplicates)?;
        }
        for warning in &self.warnings {
            print_row(&mut out, "Warning", warning)?;
        }
        print_row(&mut out, "Base", &self.base()?)?;
        print_row(&mut out, "Weights", &self.weights())?;
        print_row(&mut out, "Device", &self.device())?;
        print_row(&mut out, "Augmentation", &augmentation(self.config.augment))?;
        if let Some(views) = self.views() {
            print_row(&mut out, "Views", &views)?;
        }
        print_row(&mut out, "Head", &self.head()?)?;
        if let Some(loss) = self.loss()? {
            print_row(&mut out, "Loss", &loss)?;
        }
        if let Some(optimizer) = self.optimizer() {
            print_row(&mut out, "Optimizer", &optimizer)?;
        }
        print_row(&mut out, "Training", &self.training())?;
        if let Some(folds) = self.config.data.folds {
            let text = format!("{folds}, for a cross-validation on the training images first");
            print_row(&mut out, "Folds", &text)?;
        }
        if let Some(path) = self.path {
            print_row(&mut out, "Run", &path.shown().to_string())?;
        }
        Ok(())
    }

    fn images(&self) -> String {
        let Self { config, data, .. } = self;
        let [height, width] = config.base.image_size;
        let (train, valid) = (data.training_labels().len(), data.validation_labels().len());
        let test = data.test_labels().map(|test| format!(", {} for the test", test.len()));
        let test = test.unwrap_or_default();
        let validation = match valid {
            0 => "validation by cross-validation".into(),
            valid => format!("{valid} for validation"),
        };
        let mut texts =
            vec![format!("{train} for training, {validation}{test}, resized to {height}x{width}")];
        let SplitDatasets { training, validation, test, .. } = match data {
            Data::Images { images, .. } => images,
            Data::Features(data) => {
                let skipped = data.set().skipped().len();
                if skipped > 0 {
                    texts.push(format!("{skipped} skipped"));
                }
                let pieces = counted(data.set().piece_count(), "piece");
                let place = config.data.features.as_deref().unwrap_or_default();
                texts.push(format!("features: {pieces} in {}", place.shown()));
                return texts.join("; ");
            }
            _ => return texts.join("; "),
        };
        let all = [Some(training), Some(validation), test.as_ref()].into_iter().flatten();
        let with_profile: usize = all.map(ImageDataset::with_profile).sum();
        if with_profile > 0 {
            texts.push(format!("{with_profile} with an ICC profile, which is ignored"));
        }
        let kept = training.cached() / (height * width * 3);
        if kept < train && config.train.views.is_none() && !config.augment.is_none() {
            let others = match training.disk_cache() {
                Some(cache) if cache.fault().is_none() => {
                    format!("cached in {}", cache.folder().shown())
                }
                _ => "decoded again in every epoch".into(),
            };
            texts.push(format!(
                "{kept} training images in memory (--cache-mb {}), the others {others}",
                config.data.cache_mb
            ));
        }
        texts.join("; ")
    }

    fn base(&self) -> Result<String, VggError> {
        let config = &self.config.base;
        let pooling = match config.pooling {
            Pooling::None => String::new(),
            pooling => format!(", pooling {}", pooling.name()),
        };
        let frozen = match &config.unfreeze {
            None => "frozen".into(),
            Some(layer) => format!(
                "unfrozen from {layer}: {} tensors, learning rate {}",
                config.trainable_weights()?.len(),
                self.config.train.base_learning_rate
            ),
        };
        let features = config.output_count()?;
        let (variant, until) = (config.variant.name(), &config.last_layer);
        Ok(format!("{variant} up to {until}{pooling}: {features} features; {frozen}"))
    }

    fn weights(&self) -> String {
        let origin = match self.weights.origin() {
            Origin::Seeded(seed) => format!("random, seed {seed}"),
            Origin::File(path) => path.shown().to_string(),
            Origin::Memory => "arrays in memory".into(),
        };
        let style = match self.weights.preprocessing() {
            Preprocessing::Caffe => "Caffe",
            Preprocessing::Torchvision => "torchvision",
        };
        format!("{origin}; preprocessing as in {style}")
    }

    fn device(&self) -> String {
        format!(
            "{}; base on {}, head in f32",
            self.config.device.name,
            self.data.engines().join(", ")
        )
    }

    fn views(&self) -> Option<String> {
        let TrainConfig { views, epochs, .. } = self.config.train;
        let views = views?;
        let images = self.data.training_labels().len();
        let use_of_copies = match self.config.linear {
            Some(_) => "all of them are used",
            None if matches!(self.data, Data::Features(_)) => "each epoch draws one of them",
            None => "each epoch draws one of them, instead of a new one: not the exact mode",
        };
        if matches!(self.data, Data::Features(_)) {
            return Some(format!("{views} augmented copies of each image; {use_of_copies}"));
        }
        let bytes = views * images * self.data.feature_count() * size_of::<f32>();
        let mut text = format!(
            "{views} augmented copies of each image, computed once ({} MB); {use_of_copies}",
            bytes.div_ceil(1_000_000)
        );
        if views >= epochs && self.config.linear.is_none() {
            text += ", which does no more work with as many views as epochs";
        }
        Some(text)
    }

    fn head(&self) -> Result<String, VggError> {
        let RunConfig { head, start, train, .. } = self.config;
        let inputs = self.config.base.output_count()?;
        let parameters = head.parameters(inputs, self.data.classes().len());
        if let Some(linear) = self.config.linear {
            let penalty = match linear.c {
                Some(c) => format!("L2 penalty with C = {c}"),
                None => "L2 penalty chosen by cross-validation".into(),
            };
            return Ok(format!("linear, {penalty}: {parameters} parameters"));
        }
        let start = match start {
            InitialWeights::Random => String::new(),
            InitialWeights::Head(path) => format!("; initialized from {}", path.shown()),
            InitialWeights::Model(path) => match load_card(path) {
                Ok(ModelCard { metrics: Some(metrics), .. }) => format!(
                    "; initialized from {}, saved with val_loss: {:.4} - val_accuracy: {:.4}",
                    path.shown(),
                    metrics.val_loss,
                    metrics.val_accuracy
                ),
                _ => format!("; initialized from {}", path.shown()),
            },
        };
        let scaled = if train.scale_features {
            "; features divided by their overall standard deviation"
        } else {
            ""
        };
        Ok(format!(
            "{}, dropout {}: {parameters} parameters, learning rate {}{start}{scaled}",
            hidden_layers(head),
            head.dropout,
            train.learning_rate
        ))
    }

    /// Returns the class weights and the label smoothing, if any.
    fn loss(&self) -> anyhow::Result<Option<String>> {
        let (loss, data) = (&self.config.loss, self.data);
        let mut texts = vec![];
        if let Some(weights) = loss.weights(data.classes(), data.training_labels())? {
            let named = data.classes().iter().zip(weights);
            let each = named.map(|(name, weight)| format!("{} {weight:.3}", name.shown()));
            let each: Vec<String> = each.collect();
            texts.push(match each.len() {
                count if count > NAMED => format!("class weights of {count} classes"),
                _ => format!("class weights {}", each.join(", ")),
            });
        }
        if loss.label_smoothing > 0.0 {
            texts.push(format!("label smoothing {}", loss.label_smoothing));
        }
        Ok((!texts.is_empty()).then(|| texts.join("; ")))
    }

    /// Returns the settings of the optimizer, if they are not the default.
    fn optimizer(&self) -> Option<String> {
        let optimizer = &self.config.optimizer;
        if *optimizer == OptimizerConfig::default() {
            return None;
        }
        let mut texts = vec![optimizer.kind.name().to_owned()];
        if optimizer.momentum > 0.0 {
            let nesterov = if optimizer.nesterov { " (Nesterov)" } else { "" };
            texts.push(format!("momentum {}{nesterov}", optimizer.momentum));
        }
        if optimizer.weight_decay() > 0.0 {
            texts.push(format!("weight decay {}", optimizer.weight_decay()));
        }
        if let Some(norm) = optimizer.clip_norm {
            texts.push(format!("gradient norms of at most {norm}"));
        }
        if optimizer.warmup_epochs > 0 {
            texts.push(format!("warm-up in {}", counted(optimizer.warmup_epochs, "epoch")));
        }
        if optimizer.schedule != Schedule::Constant {
            texts.push(format!("{} schedule", optimizer.schedule.name()));
        }
        Some(texts.join(", "))
    }

    /// Returns the classes with their numbers of images, and advice if they are imbalanced.
    fn classes(&self) -> String {
        let mut text = classes(self.data);
        let train = counts(self.data, self.data.training_labels());
        if self.is_new() && self.config.loss.class_weight.is_none() && is_imbalanced(&train) {
            text += "; to weigh them equally: --class-weight balanced";
        }
        text
    }

    /// Returns true for a new run. A resumed run has its settings, so advice on these is too late.
    fn is_new(&self) -> bool {
        self.path.is_none_or(|run| !run.join("last").exists())
    }

    /// Returns the number of held-out images with duplicates in other splits, if there are any.
    fn duplicates(&self) -> Option<String> {
        let (mut found, mut can_group, mut in_folders) = (vec![], false, false);
        for ((name, shared), is_share) in
            shared_images(self.data).into_iter().zip(self.splits.are_shares())
        {
            if let Some(text) = duplicates_text(name, shared) {
                found.push(text);
                can_group |= is_share && !self.config.data.group_duplicates;
                in_folders |= !is_share;
            }
        }
        if found.is_empty() {
            return None;
        }
        let mut text = format!("{}; the metrics say less about new images", found.join("; "));
        if self.is_new() && self.config.data.features.is_none() {
            if can_group {
                text += "; to keep duplicates in one split: --group-duplicates";
            }
            if in_folders {
                text += "; `permafrost doctor` lists them";
            }
        }
        Some(text)
    }

    fn training(&self) -> String {
        let TrainConfig { epochs, batch_size, monitor, patience, reduce_on_plateau, .. } =
            self.config.train;
        if self.config.linear.is_some() {
            return "logistic regression on standardized features, solved at once".into();
        }
        let better = better(monitor);
        let steps = self.data.training_labels().len().div_ceil(batch_size);
        let mut text = format!(
            "{} of {}, {batch_size} images per step",
            counted(epochs, "epoch"),
            counted(steps, "step")
        );
        if monitor != Monitor::default() {
            text += &format!("; the best model has the highest {monitor}");
        }
        if let Some(patience) = patience {
            let patience = counted(patience, "epoch");
            text += &format!("; ends after {patience} without a {better}");
        }
        if let Some(patience) = reduce_on_plateau {
            text += &format!(
                "; learning rates are divided by 10 after {} without",
                counted(patience, "epoch")
            );
        }
        text
    }
}

/// Returns the classes with their numbers of training, validation and test images, and a measure of their balance.
fn classes(data: Data<'_>) -> String {
    let names = data.classes();
    let splits = count_classes(data);
    let train = &splits[0].1;
    let (least, most) = (train.iter().min(), train.iter().max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    let ratio = format!("{:.1}", most as f64 / least as f64);
    let balance = match ratio.as_str() {
        _ if least == most => "balanced".into(),
        "1.0" => "nearly balanced".into(),
        _ => format!("the largest is {ratio} times the smallest"),
    };
    if names.len() > NAMED {
        return format!("{} of {least} to {most} training images; {balance}", names.len());
    }
    let of_class = |(label, name): (usize, &String)| {
        let counts = splits.iter().map(|(_, counts)| counts[label].to_string());
        format!("{} {}", name.shown(), counts.collect::<Vec<_>>().join(" + "))
    };
    let each: Vec<String> = names.iter().enumerate().map(of_class).collect();
    format!("{}; {balance}", each.join(", "))
}

/// Returns what a better epoch has, such as `lower val_loss`.
pub(crate) fn better(monitor: Monitor) -> String {
    let comparison = if monitor.is_higher_better() { "higher" } else { "lower" };
    format!("{comparison} {monitor}")
}

/// Returns the hidden layers of a head as text.
fn hidden_layers(head: &HeadConfig) -> String {
    if head.hidden_units.is_empty() {
        return "no hidden layer".into();
    }
    let units = head.hidden_text().replace(',', ", ");
    let mut text = format!("{units} unit{}", if units == "1" { "" } else { "s" });
    if head.batch_norm {
        text += ", batch normalization";
    }
    if head.activation != Activation::Linear {
        text += &format!(", {}", head.activation.name());
    }
    text
}

/// Returns true if the largest class has more than [`IMBALANCE`] times the images of the smallest.
pub(crate) fn is_imbalanced(counts: &[usize]) -> bool {
    let (least, most) = (counts.iter().min(), counts.iter().max());
    most.copied().unwrap_or(0) > IMBALANCE * least.copied().unwrap_or(0)
}

/// Counts the images of each class in each split that has images.
pub(crate) fn count_classes(data: Data<'_>) -> Vec<(&'static str, Vec<usize>)> {
    let validation = data.validation_labels();
    let splits = [
        ("train", Some(data.training_labels())),
        ("validation", Some(validation).filter(|labels| !labels.is_empty())),
        ("test", data.test_labels()),
    ];
    splits.into_iter().filter_map(|(name, labels)| Some((name, counts(data, labels?)))).collect()
}

/// Counts the labels of each class.
fn counts(data: Data<'_>, labels: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; data.classes().len()];
    labels.iter().for_each(|&label| counts[label] += 1);
    counts
}

/// Number of images with duplicates in other splits.
#[derive(Clone, Copy)]
pub(crate) struct SharedCounts {
    pub(crate) identical: usize,
    /// Other near duplicates; `None` if they are not known.
    pub(crate) near: Option<usize>,
}

/// Returns the numbers of images of a split with duplicates in other splits, as text; `None` if there are none.
fn duplicates_text(name: &str, shared: Option<SharedCounts>) -> Option<String> {
    let SharedCounts { identical, near } = shared?;
    let others = if name == "test" { "training or validation" } else { "training" };
    let kinds = [
        (identical, format!("identical to {others} images")),
        (near.unwrap_or(0), "near duplicates".to_owned()),
    ];
    let kinds: Vec<String> = (kinds.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    (!kinds.is_empty()).then(|| format!("{name}: {}", kinds.join(", ")))
}

/// Returns true if validation images have duplicates among the training images.
pub(crate) fn validation_has_duplicates(data: Data<'_>) -> bool {
    let [(name, shared), _] = shared_images(data);
    duplicates_text(name, shared).is_some()
}

/// Returns the duplicates of images across splits, as text for a page; `None` if there are none.
pub(crate) fn duplicates_of(images: &SplitDatasets) -> Option<String> {
    let found: Vec<String> = (shared_of(images).into_iter())
        .filter_map(|(name, shared)| duplicates_text(name, shared))
        .collect();
    let found = found.join("; ");
    (!found.is_empty())
        .then(|| format!("Duplicates: {found}; the metrics say less about new images."))
}

/// Returns the number of validation and test images with duplicates in other splits; `None` without such a split or if
/// they are not known. Near duplicates of precomputed features are not known.
pub(crate) fn shared_images(data: Data<'_>) -> [(&'static str, Option<SharedCounts>); 2] {
    let counts = match data {
        Data::Images { images, .. } => return shared_of(images),
        Data::Features(data) => data
            .identical_images()
            .map(|identical| Some(SharedCounts { identical: identical?, near: None })),
        _ => [None; 2],
    };
    let [validation, test] = counts;
    [("validation", validation), ("test", test)]
}

fn shared_of(images: &SplitDatasets) -> [(&'static str, Option<SharedCounts>); 2] {
    let [validation, test] = images.shared_images().map(|shared| {
        let SharedImages { identical, near } = shared?;
        Some(SharedCounts { identical, near: Some(near) })
    });
    [("validation", validation), ("test", test)]
}

fn augmentation(config: AugmentConfig) -> String {
    if config.is_none() {
        return "none; features are computed once".into();
    }
    let AugmentConfig { flip, rotation, zoom, compose } = config;
    let flip = match flip {
        RandomFlip::None => "none",
        RandomFlip::Horizontal => "horizontal",
        RandomFlip::Vertical => "vertical",
        RandomFlip::Both => "both",
    };
    let compose = match compose {
        Compose::Once => "in one warp",
        Compose::Stepwise => "one after another",
    };
    format!("flip {flip}, rotation {rotation}, zoom {zoom}, {compose}")
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Prints a label and its text, wrapped between words.
fn print_row(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    let mut line = format!("{label:<INDENT$}");
    for word in text.split(' ') {
        if line.chars().count() > INDENT && line.chars().count() + word.chars().count() > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(INDENT);
        }
        line += word;
        line.push(' ');
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_wrap_between_words_and_stay_aligned() {
        let mut out = vec![];
        print_row(&mut out, "Weights", &["word"; 18].join(" ")).expect("memory");
        print_row(&mut out, "Run", &"long".repeat(30)).expect("memory");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].len(), 78);
        assert_eq!(lines[1].find("word"), Some(INDENT));
        assert_eq!(lines[2], format!("Run           {}", "long".repeat(30)));
    }
}
