//! Whole runs on a few small images: the files that they write, and that stopping and resuming changes nothing.

mod arrays;
mod engines;
mod folds;
mod job;
mod linear;
mod patience;
mod unfreeze;
mod views;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use augment::AugmentConfig;
use burn::tensor::Device;
use formats::Array;
use head::{Activation, HeadConfig};
use job::{complete, config, expect_same, expect_same_in_pieces, go, history, images, never};
use model::{Classifier, WeightsSearch, load_bundle};
use sha2::{Digest, Sha256};
use train::{
    ClassWeight, Monitor, OptimizerConfig, OptimizerKind, RunConfig, RunDirectory, Schedule,
    TrainConfig, TrainError, TrainingEvent, TrainingOutcome,
};
use vgg::FrozenBase;

#[test]
fn resumed_run_is_bit_identical_to_an_uninterrupted_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    for (name, augment) in [("augmented", AugmentConfig::default()), ("plain", AugmentConfig::NONE)]
    {
        let mut config = config(&data, augment);
        // Further settings whose numbers a resumed run must have.
        if name == "plain" {
            config.train.scale_features = true;
            config.loss.class_weight = Some(ClassWeight::Balanced);
            config.loss.label_smoothing = 0.1;
        }
        let whole = complete(&config, &folder.path().join(name));

        let path = folder.path().join(format!("{name} in pieces"));
        expect_same_in_pieces(&config, &path, &whole);
    }
}

/// Stopped in the middle of an epoch and resumed, with each setting of the head and the optimizer.
#[test]
fn resumed_runs_with_any_head_and_optimizer_are_bit_identical() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 3);
    let plain = config(&data, AugmentConfig::NONE);
    let of = |kind| OptimizerConfig { kind, ..OptimizerConfig::default() };
    let sgd = OptimizerConfig { momentum: 0.9, ..of(OptimizerKind::Sgd) };
    let heads = [
        HeadConfig { hidden_units: vec![], ..plain.head.clone() },
        HeadConfig { activation: Activation::Gelu, ..plain.head.clone() },
        HeadConfig {
            hidden_units: vec![16, 8],
            activation: Activation::Relu,
            batch_norm: true,
            ..plain.head.clone()
        },
    ];
    let optimizers = [
        of(OptimizerKind::Adam),
        of(OptimizerKind::Sgd),
        OptimizerConfig { clip_norm: Some(0.5), ..of(OptimizerKind::AdamW) },
        sgd,
        OptimizerConfig { nesterov: true, weight_decay: Some(0.1), ..sgd },
        OptimizerConfig { momentum: 0.5, schedule: Schedule::Cosine, ..OptimizerConfig::default() },
        OptimizerConfig {
            schedule: Schedule::Step,
            warmup_epochs: 1,
            ..OptimizerConfig::default()
        },
    ];
    let with_head = |head| RunConfig { head, ..plain.clone() };
    let with_optimizer = |optimizer| RunConfig { optimizer, ..plain.clone() };
    let configs: Vec<RunConfig> = heads
        .into_iter()
        .map(with_head)
        .chain(optimizers.into_iter().map(with_optimizer))
        .collect();
    let monitored = |monitor| {
        let train = TrainConfig { monitor, reduce_on_plateau: Some(1), ..plain.train };
        RunConfig { train, ..plain.clone() }
    };
    let configs: Vec<RunConfig> = configs.into_iter().chain(Monitor::ALL.map(monitored)).collect();
    let mut histories = vec![history(&complete(&plain, &folder.path().join("plain")))];
    for (number, config) in configs.iter().enumerate() {
        let whole = complete(config, &folder.path().join(format!("{number} whole")));
        expect_same_in_pieces(config, &folder.path().join(format!("{number} in pieces")), &whole);
        histories.push(history(&whole));
    }
    // Two metrics may watch for the same epochs.
    let count = histories.len() - Monitor::ALL.len();
    histories.truncate(count);
    histories.sort();
    histories.dedup();
    assert_eq!(histories.len(), count, "every setting has an effect");
}

#[test]
fn run_that_is_cancelled_at_once_is_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut config = config(&data, AugmentConfig::NONE);
    config.train.scale_features = true;
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let outcome = go(&run, &config, |_| true).expect("no error");
    assert_eq!(outcome, TrainingOutcome::Stopped { epochs: 0 });
    let whole = complete(&config, &folder.path().join("whole"));
    go(&run, &config, never).expect("no error");
    expect_same(&run, &whole);
}

#[test]
fn best_model_has_the_lowest_val_loss_and_predicts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 3);
    let config = config(&data, AugmentConfig::NONE);
    let run = complete(&config, &folder.path().join("run"));

    let rows = history(&run);
    assert_eq!(rows[0], "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate");
    assert_eq!(rows.len(), 5);
    let val_loss =
        |row: &String| -> f64 { row.split(',').nth(3).expect("a cell").parse().expect("a number") };
    let lowest = rows[1..].iter().map(val_loss).fold(f64::MAX, f64::min);

    let search = WeightsSearch { named: None, folder: folder.path().to_owned() };
    let classifier =
        Classifier::load(run.best(), &search, &FrozenBase::new, &Device::flex()).expect("a model");
    let metrics = classifier.card().metrics.expect("an epoch ended");
    assert_eq!(metrics.val_loss, lowest);
    assert_eq!(classifier.card().classes, ["class 0", "class 1", "class 2"]);
    let image = vec![128; classifier.image_len()];
    let probabilities = &classifier.predict(&[&image]).expect("a CPU")[0];
    assert_eq!(probabilities.len(), 3);
    assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn used_folders_and_complete_runs_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = RunConfig {
        train: TrainConfig { epochs: 1, ..config(&data, AugmentConfig::NONE).train },
        ..config(&data, AugmentConfig::NONE)
    };
    let run = complete(&config, &folder.path().join("run"));
    assert!(matches!(RunDirectory::create(run.path(), &config), Err(TrainError::RunExists(_))));
    assert!(matches!(RunDirectory::create(&data, &config), Err(TrainError::NotEmpty(_))));
    assert!(matches!(go(&run, &config, never), Err(TrainError::Complete { epochs: 1, .. })));
    assert!(matches!(RunDirectory::open(&data), Err(TrainError::NoRun(_))));
}

#[test]
fn concurrent_unnamed_runs_get_distinct_directories() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(&folder.path().join("data"), AugmentConfig::NONE);
    let path = folder.path().join("runs/train");
    let runs: Vec<RunDirectory> = std::thread::scope(|threads| {
        let create = || RunDirectory::create_numbered(&path, &config).expect("a free folder");
        let running: Vec<_> = (0..8).map(|_| threads.spawn(create)).collect();
        running.into_iter().map(|thread| thread.join().expect("a run")).collect()
    });
    let mut names: Vec<_> = runs.iter().map(|run| run.path().to_owned()).collect();
    names.sort();
    let mut expected: Vec<_> =
        (2..=8).map(|n| folder.path().join(format!("runs/train-{n}"))).collect();
    expected.insert(0, path);
    assert_eq!(names, expected);
}

#[test]
fn resume_refuses_changed_images_and_damaged_checkpoints() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = config(&data, AugmentConfig::NONE);
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &TrainingEvent| matches!(event, TrainingEvent::Epoch { .. });
    assert_eq!(
        go(&run, &config, first_epoch).expect("a run"),
        TrainingOutcome::Stopped { epochs: 1 }
    );

    let image = data.join("class 0/3.png");
    let bytes = fs::read(&image).expect("a file");
    fs::copy(data.join("class 0/4.png"), &image).expect("a file");
    assert!(matches!(go(&run, &config, never), Err(TrainError::DifferentImages(_))));
    fs::remove_file(&image).expect("a file");
    assert!(matches!(go(&run, &config, never), Err(TrainError::DifferentImages(_))));
    fs::write(&image, bytes).expect("a file");

    // If both checkpoints are damaged, the error names the newest one, and the history does not change.
    let damage = |folder: &Path, file: &str| {
        let path = folder.join(file);
        let mut bytes = fs::read(&path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).expect("a writable folder");
    };
    damage(&run.last(), "optimizer.safetensors");
    damage(&run.previous(), "state.json");
    let rows = history(&run);
    let error = go(&run, &config, never).expect_err("damaged states");
    let message = error.to_string();
    assert!(message.contains("last/optimizer.safetensors"), "{message}");
    assert!(message.contains("digest") && error.hint().is_some(), "{message}");
    assert_eq!(history(&run), rows);
}

#[test]
fn resume_detects_a_changed_image_of_equal_length_and_mtime() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let path = data.join("class 0/0.png");
    let write = |value| {
        let image = image::RgbImage::from_pixel(32, 32, image::Rgb([value, 90, 0]));
        image.save_with_format(&path, image::ImageFormat::Bmp).expect("a writable folder");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
        file.metadata().expect("a file").len()
    };
    let length = write(1);
    let mut config = config(&data, AugmentConfig::NONE);
    // Read all pixels from the disk cache.
    config.data.cache_mb = 0;
    config.data.cache_dir = Some(folder.path().join("caches"));
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &TrainingEvent| matches!(event, TrainingEvent::Epoch { .. });
    go(&run, &config, first_epoch).expect("an epoch");
    assert_eq!(write(2), length);
    assert!(matches!(go(&run, &config, never), Err(TrainError::DifferentImages(_))));
    write(1);
    let outcome = go(&run, &config, never).expect("the run");
    assert!(matches!(outcome, TrainingOutcome::Complete { .. }));
}

#[test]
fn resume_falls_back_to_the_previous_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = config(&data, AugmentConfig::default());
    let whole = complete(&config, &folder.path().join("whole"));
    for file in ["model.safetensors", "optimizer.safetensors", "state.json", "digests.json", ""] {
        let run = RunDirectory::create(folder.path().join(format!("run {file}")), &config);
        let run = run.expect("a free folder");
        let second_epoch = |event: &TrainingEvent| matches!(event, TrainingEvent::Epoch { metrics, .. } if metrics.epoch == 2);
        assert_eq!(
            go(&run, &config, second_epoch).expect("a run"),
            TrainingOutcome::Stopped { epochs: 2 }
        );
        if file.is_empty() {
            // As if the program had been killed between the two renames.
            fs::remove_dir_all(run.last()).expect("a folder");
        } else {
            let path = run.last().join(file);
            let bytes = fs::read(&path).expect("a file");
            fs::write(path, &bytes[..bytes.len() - 1]).expect("a writable folder");
        }
        let told = Cell::new(None);
        let look = |event: &TrainingEvent| {
            if let TrainingEvent::PreviousCheckpoint { epochs, .. } = event {
                told.set(Some(*epochs));
            }
            false
        };
        go(&run, &config, look).expect("the rest of the run");
        assert_eq!(told.get(), Some(1), "{file}");
        expect_same(&run, &whole);
    }
}

#[test]
fn run_directory_is_locked_while_in_use() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(&folder.path().join("data"), AugmentConfig::NONE);
    let path = folder.path().join("run");
    // A program that is killed before it writes its settings leaves such a file.
    fs::create_dir(&path).expect("a writable folder");
    fs::write(path.join(".permafrost-1234"), "half").expect("a writable folder");
    let run = RunDirectory::create(&path, &config).expect("a free folder");
    let message = RunDirectory::open(&path).expect_err("a locked run").to_string();
    assert!(message.contains("another program"), "{message}");
    drop(run);
    RunDirectory::open(&path).expect("the run");
}

/// At 1e38, the parameters after the first step are finite, but products of them are not. At 1e30, the loss of the only
/// step is finite, but the loss on the validation images is not.
#[test]
fn non_finite_loss_ends_the_run_with_its_last_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    for (learning_rate, batch_size) in [(1e38, 4), (1e30, 100)] {
        let mut config = config(&data, AugmentConfig::NONE);
        config.train.learning_rate = learning_rate;
        config.train.batch_size = batch_size;
        let path = folder.path().join(format!("run {batch_size}"));
        let run = RunDirectory::create(&path, &config).expect("a free folder");
        let message = go(&run, &config, never).expect_err("a NaN or infinite loss").to_string();
        assert!(message.contains("the loss is NaN or infinite"), "{message}");
        assert!(!run.best().exists() && !run.history().exists());
        assert!(run.last().join("state.json").exists());
    }
}

/// The first step makes parameters infinite. Its loss is still finite, because it is computed before.
#[test]
fn infinite_parameters_are_not_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut config = config(&data, AugmentConfig::NONE);
    config.train.learning_rate = 3e38;
    config.train.save_every = Some(1);
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let error = go(&run, &config, never).expect_err("infinite parameters");
    let message = error.to_string();
    assert!(message.contains("NaN or infinite after epoch 1, step 1, and is not"), "{message}");
    assert!(message.contains("`dense") && error.hint().is_some(), "{message}");
    let (_, trainable) = load_bundle(run.last(), &Device::flex()).expect("the state before");
    assert!(trainable.to_arrays().values().all(Array::is_finite));
    assert!(!run.best().exists());
}

#[test]
fn checkpoint_digests_must_list_exactly_its_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = config(&data, AugmentConfig::NONE);
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &TrainingEvent| matches!(event, TrainingEvent::Epoch { .. });
    go(&run, &config, first_epoch).expect("a run");
    fs::remove_dir_all(run.previous()).expect("a folder");
    let path = run.last().join("digests.json");
    let whole: BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(&path).expect("digests")).expect("JSON");
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    assert_eq!(names, ["model.json", "model.safetensors", "optimizer.safetensors", "state.json"]);
    let refused = |digests: &BTreeMap<String, String>| {
        fs::write(&path, serde_json::to_vec(digests).expect("JSON")).expect("a writable folder");
        let message = go(&run, &config, never).expect_err("damage").to_string();
        assert!(message.contains("digests.json` names `"), "{message}");
        assert!(message.contains("expected `model.json`, `"), "{message}");
    };
    for name in whole.keys() {
        let mut fewer = whole.clone();
        fewer.remove(name);
        refused(&fewer);
    }
    fs::write(run.last().join("more"), "more").expect("a writable folder");
    let digest = Sha256::digest("more").iter().map(|byte| format!("{byte:02x}")).collect();
    for name in ["more", "../config.toml"] {
        let mut more = whole.clone();
        more.insert(name.into(), String::clone(&digest));
        refused(&more);
    }
    // A file that is not part of the checkpoint does not matter.
    fs::write(&path, serde_json::to_vec(&whole).expect("JSON")).expect("a writable folder");
    go(&run, &config, never).expect("the rest of the run");
}

#[test]
fn out_of_range_settings_are_refused_with_the_range() {
    let valid = config("data".as_ref(), AugmentConfig::default());
    valid.validate().expect("valid settings");
    type Change = fn(&mut RunConfig, usize);
    let cases: [(&str, Change, &[usize]); 10] = [
        ("epochs", |config, value| config.train.epochs = value, &[0, 1_000_000_001]),
        ("batch_size", |config, value| config.train.batch_size = value, &[0, 1_000_000_001]),
        ("views", |config, value| config.train.views = Some(value), &[0, 10_001]),
        ("save_every", |config, value| config.train.save_every = Some(value), &[0]),
        ("patience", |config, value| config.train.patience = Some(value), &[0]),
        ("reduce_on_plateau", |config, value| config.train.reduce_on_plateau = Some(value), &[0]),
        ("base_batch", |config, value| config.device.base_batch = Some(value), &[0, 65_537]),
        ("hidden_units", |config, value| config.head.hidden_units = vec![value], &[0, 65_537]),
        ("cache_mb", |config, value| config.data.cache_mb = value, &[]),
        ("image size", |config, value| config.base.image_size = [32, value], &[0, 31, 1025]),
    ];
    for (name, change, others) in cases {
        for &value in others.iter().chain(&[usize::MAX, usize::MAX / 2]) {
            let mut config = valid.clone();
            change(&mut config, value);
            let error = config.validate().expect_err(name);
            let message = error.to_string();
            assert!(message.contains(name) && message.contains(&value.to_string()), "{message}");
            assert!(message.contains("expected ") && error.hint().is_some(), "{message}");
        }
    }
    for rate in [0.0, -1.0, 1e-60, 1e39, f64::INFINITY, f64::NAN] {
        for unfreeze in [false, true] {
            let mut config = valid.clone();
            let of = &mut config.train;
            *(if unfreeze { &mut of.base_learning_rate } else { &mut of.learning_rate }) = rate;
            let message = config.validate().expect_err("a rate").to_string();
            assert!(message.contains("learning_rate` is "), "{message}");
        }
    }
}
