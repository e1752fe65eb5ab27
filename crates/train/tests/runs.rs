//! Whole runs on a handful of small pictures: what they write, and that stopping changes nothing.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use augment::AugmentConfig;
use burn::tensor::Device;
use head::HeadConfig;
use image::{Rgb, RgbImage};
use model::{Classifier, WeightsSearch};
use photos::Layout;
use train::{
    DataConfig, Event, Job, Outcome, RunConfig, RunFolder, Start, TrainConfig, TrainError,
    WeightsChoice, fit,
};
use vgg::{FrozenBase, Pooling, VggConfig};

/// Pictures of stripes, along or across, in `classes` spacings.
fn pictures(folder: &Path, classes: usize) {
    for class in 0..classes {
        for number in 0..9 {
            let picture = RgbImage::from_fn(32, 32, |x, y| {
                let at = if class == 0 { x } else { y * class as u32 };
                Rgb([if (at + number) % 8 < 4 { 220 } else { 30 }, 90, (number * 20) as u8])
            });
            let path = folder.join(format!("class {class}/{number}.png"));
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            picture.save(path).expect("a writable folder");
        }
    }
}

fn config(data: &Path, augment: AugmentConfig) -> RunConfig {
    RunConfig {
        weights: WeightsChoice::Seed(9),
        start: Start::Random,
        data: DataConfig { path: data.to_owned(), validation_split: None },
        augment,
        base: VggConfig {
            size: [32, 32],
            until: "block2_pool".into(),
            pooling: Pooling::Maximum,
            ..VggConfig::default()
        },
        head: HeadConfig { hidden: 16, dropout: 0.5 },
        train: TrainConfig { epochs: 4, batch_size: 4, seed: 9, ..TrainConfig::default() },
    }
}

/// Goes on with the run in `run` until it is complete, or until `stop_when` says so of an event.
fn go(
    run: &RunFolder,
    config: &RunConfig,
    stop_when: impl Fn(&Event) -> bool,
) -> Result<Outcome, TrainError> {
    let layout = Layout::find(&config.data.path, None).expect("pictures");
    let (training, validation, _) =
        layout.load(config.base.size, config.train.seed).expect("pictures");
    let weights = config.load_weights().expect("a network");
    let device = Device::flex();
    let base = FrozenBase::new(&config.base, &weights, &device).expect("a network");
    let stop = AtomicBool::new(false);
    let job = Job {
        config,
        run,
        base: &base,
        weights: &weights,
        training: &training,
        validation: &validation,
        device: &device,
        stop: &stop,
    };
    fit(&job, |event| {
        if stop_when(&event) {
            stop.store(true, Ordering::Relaxed);
        }
    })
}

fn never(_: &Event) -> bool {
    false
}

/// The history without its times.
fn history(run: &RunFolder) -> Vec<String> {
    let text = fs::read_to_string(run.history()).expect("the history");
    let without_seconds = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(5);
        cells.join(",")
    };
    text.lines().map(without_seconds).collect()
}

fn complete(config: &RunConfig, path: &Path) -> RunFolder {
    let run = RunFolder::create(path, config).expect("a free folder");
    let outcome = go(&run, config, never).expect("a run");
    assert!(matches!(outcome, Outcome::Complete(_)), "{outcome:?}");
    run
}

#[test]
fn a_stopped_and_resumed_run_is_the_same_run_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    for (name, augment) in [("augmented", AugmentConfig::default()), ("plain", AugmentConfig::NONE)]
    {
        let config = config(&data, augment);
        let whole = complete(&config, &folder.path().join(name));

        let path = folder.path().join(format!("{name} in pieces"));
        let run = RunFolder::create(&path, &config).expect("a free folder");
        let mut pieces = 1;
        // Every piece is stopped after three more steps, so in the middle of epochs and at their end.
        loop {
            let (opened, read) = RunFolder::open(&path).expect("the run");
            assert_eq!((&opened, &read), (&run, &config));
            let steps = Cell::new(0);
            let third_step = |event: &Event| {
                steps.set(steps.get() + usize::from(matches!(event, Event::Step { .. })));
                steps.get() == 3
            };
            match go(&run, &read, third_step).expect("a run") {
                Outcome::Complete(_) => break,
                Outcome::Stopped { .. } => pieces += 1,
            }
        }
        assert!(pieces > 4, "{pieces}");
        assert_eq!(history(&run), history(&whole));
        for file in
            ["best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors"]
        {
            let read = |run: &RunFolder| fs::read(run.path().join(file)).expect("a file");
            assert!(read(&run) == read(&whole), "{file} differs");
        }
    }
}

#[test]
fn the_best_model_is_that_of_the_lowest_val_loss_and_predicts_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 3);
    let config = config(&data, AugmentConfig::NONE);
    let run = complete(&config, &folder.path().join("run"));

    let rows = history(&run);
    assert_eq!(rows[0], "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate");
    assert_eq!(rows.len(), 5);
    let val_loss =
        |row: &String| -> f64 { row.split(',').nth(3).expect("a cell").parse().expect("a number") };
    let lowest = rows[1..].iter().map(val_loss).fold(f64::MAX, f64::min);

    let search = WeightsSearch { named: None, folder: folder.path().to_owned() };
    let classifier = Classifier::load(&run.best(), &search, &Device::flex()).expect("a model");
    let metrics = classifier.card().metrics.expect("an epoch ended");
    assert_eq!(metrics.val_loss, lowest);
    assert_eq!(classifier.card().classes, ["class 0", "class 1", "class 2"]);
    let picture = vec![128; classifier.picture_len()];
    let probabilities = &classifier.predict(&[&picture])[0];
    assert_eq!(probabilities.len(), 3);
    assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn a_folder_with_a_run_is_not_written_to_and_a_complete_run_is_not_resumed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let config = RunConfig {
        train: TrainConfig { epochs: 1, ..config(&data, AugmentConfig::NONE).train },
        ..config(&data, AugmentConfig::NONE)
    };
    let run = complete(&config, &folder.path().join("run"));
    assert!(matches!(RunFolder::create(run.path(), &config), Err(TrainError::RunExists(_))));
    assert!(matches!(RunFolder::create(&data, &config), Err(TrainError::NotEmpty(_))));
    assert!(matches!(go(&run, &config, never), Err(TrainError::Complete { epochs: 1, .. })));
    assert!(matches!(RunFolder::open(&data), Err(TrainError::NoRun(_))));
}

#[test]
fn a_run_is_not_resumed_with_other_photographs_or_a_damaged_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let config = config(&data, AugmentConfig::NONE);
    let run = RunFolder::create(&folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &Event| matches!(event, Event::Epoch { .. });
    assert_eq!(go(&run, &config, first_epoch).expect("a run"), Outcome::Stopped { epochs: 1 });

    let photograph = data.join("class 0/3.png");
    let bytes = fs::read(&photograph).expect("a file");
    fs::copy(data.join("class 0/4.png"), &photograph).expect("a file");
    assert!(matches!(go(&run, &config, never), Err(TrainError::OtherPhotographs(_))));
    fs::remove_file(&photograph).expect("a file");
    assert!(matches!(go(&run, &config, never), Err(TrainError::OtherPhotographs(_))));
    fs::write(&photograph, bytes).expect("a file");

    let optimizer = run.last().join("optimizer.safetensors");
    fs::rename(run.last().join("model.safetensors"), &optimizer).expect("a file");
    fs::copy(run.best().join("model.safetensors"), run.last().join("model.safetensors"))
        .expect("a file");
    let message = go(&run, &config, never).expect_err("another state").to_string();
    assert!(message.contains("does not fit the model beside it"), "{message}");
}

/// At 1e38 the first step makes parameters that no product of them is finite with; at 1e30 the
/// loss of the only step is finite, and that on the validation pictures is not.
#[test]
fn a_loss_that_is_no_number_ends_the_run_with_the_state_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    for (learning_rate, batch_size) in [(1e38, 4), (1e30, 100)] {
        let mut config = config(&data, AugmentConfig::NONE);
        config.train.learning_rate = learning_rate;
        config.train.batch_size = batch_size;
        let path = folder.path().join(format!("run {batch_size}"));
        let run = RunFolder::create(&path, &config).expect("a free folder");
        let message = go(&run, &config, never).expect_err("no number").to_string();
        assert!(message.contains("the loss is no number"), "{message}");
        assert!(message.contains("\nhint: "), "{message}");
        assert!(!run.best().exists() && !run.history().exists());
        assert!(run.last().join("state.json").exists());
    }
}
