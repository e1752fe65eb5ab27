//! Whole runs on a handful of small pictures: what they write, and that stopping changes nothing.

mod job;
mod patience;
mod thaw;
mod views;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use augment::AugmentConfig;
use burn::tensor::Device;
use job::{complete, config, expect_same, expect_same_in_pieces, go, history, never, pictures};
use model::{Classifier, WeightsSearch};
use train::{Event, Outcome, RunConfig, RunFolder, TrainConfig, TrainError};
use vgg::FrozenBase;

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
        expect_same_in_pieces(&config, &path, &whole);
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
    let classifier =
        Classifier::load(&run.best(), &search, &FrozenBase::new, &Device::flex()).expect("a model");
    let metrics = classifier.card().metrics.expect("an epoch ended");
    assert_eq!(metrics.val_loss, lowest);
    assert_eq!(classifier.card().classes, ["class 0", "class 1", "class 2"]);
    let picture = vec![128; classifier.picture_len()];
    let probabilities = &classifier.predict(&[&picture]).expect("a CPU")[0];
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

    // Both states damaged: the newer one's fault is told, and nothing is lost.
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
    let message = go(&run, &config, never).expect_err("damaged states").to_string();
    assert!(message.contains("last/optimizer.safetensors"), "{message}");
    assert!(message.contains("digest") && message.contains("\nhint: "), "{message}");
    assert_eq!(history(&run), rows);
}

#[test]
fn a_run_is_not_resumed_on_a_photograph_changed_within_its_length_and_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let path = data.join("class 0/0.png");
    let write = |value| {
        let picture = image::RgbImage::from_pixel(32, 32, image::Rgb([value, 90, 0]));
        picture.save_with_format(&path, image::ImageFormat::Bmp).expect("a writable folder");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
        file.metadata().expect("a file").len()
    };
    let length = write(1);
    let mut config = config(&data, AugmentConfig::NONE);
    // All pixels are read from the cache.
    config.data.cache_mb = 0;
    config.data.cache_dir = Some(folder.path().join("caches"));
    let run = RunFolder::create(&folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &Event| matches!(event, Event::Epoch { .. });
    go(&run, &config, first_epoch).expect("an epoch");
    assert_eq!(write(2), length);
    assert!(matches!(go(&run, &config, never), Err(TrainError::OtherPhotographs(_))));
    write(1);
    let outcome = go(&run, &config, never).expect("the run");
    assert!(matches!(outcome, Outcome::Complete { .. }));
}

#[test]
fn where_the_last_state_is_damaged_the_run_goes_on_from_the_one_before_and_is_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let config = config(&data, AugmentConfig::default());
    let whole = complete(&config, &folder.path().join("whole"));
    for file in ["model.safetensors", "optimizer.safetensors", "state.json", "digests.json", ""] {
        let run = RunFolder::create(&folder.path().join(format!("run {file}")), &config);
        let run = run.expect("a free folder");
        let second_epoch =
            |event: &Event| matches!(event, Event::Epoch { metrics, .. } if metrics.epoch == 2);
        assert_eq!(go(&run, &config, second_epoch).expect("a run"), Outcome::Stopped { epochs: 2 });
        if file.is_empty() {
            // Killed between the two renames.
            fs::remove_dir_all(run.last()).expect("a folder");
        } else {
            let path = run.last().join(file);
            let bytes = fs::read(&path).expect("a file");
            fs::write(path, &bytes[..bytes.len() - 1]).expect("a writable folder");
        }
        let told = Cell::new(None);
        let look = |event: &Event| {
            if let Event::OlderState { epochs, .. } = event {
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
fn a_run_is_written_to_by_one_program_at_a_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(&folder.path().join("data"), AugmentConfig::NONE);
    let path = folder.path().join("run");
    // What a program leaves that is killed before it has written its settings.
    fs::create_dir(&path).expect("a writable folder");
    fs::write(path.join(".permafrost-1234"), "half").expect("a writable folder");
    let run = RunFolder::create(&path, &config).expect("a free folder");
    let message = RunFolder::open(&path).expect_err("a locked run").to_string();
    assert!(message.contains("another program") && message.contains("\nhint: "), "{message}");
    drop(run);
    RunFolder::open(&path).expect("the run");
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
