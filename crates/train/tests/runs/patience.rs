//! Early stopping, lower learning rates and checkpoints within epochs, including their counters after a resume.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use augment::AugmentConfig;
use train::{RunConfig, RunDirectory, TrainError, TrainingEvent, TrainingOutcome, TrainingState};

use crate::job::{
    complete, config, expect_same, expect_same_in_pieces, go, history, images, never,
};

/// Returns the settings of a run of twelve epochs, with a learning rate at which the val_loss oscillates.
fn restless(data: &Path) -> RunConfig {
    let mut config = config(data, AugmentConfig::default());
    config.train.epochs = 12;
    config.train.learning_rate = 0.05;
    config
}

/// Returns a column of a run's history.
fn column(run: &RunDirectory, at: usize) -> Vec<f64> {
    let cell = |row: &String| row.split(',').nth(at).expect("a cell").parse().expect("a number");
    history(run)[1..].iter().map(cell).collect()
}

#[test]
fn early_stopping_ends_the_run_and_more_patience_resumes_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let patient = restless(&data);
    let whole = complete(&patient, &folder.path().join("whole"));
    let losses = column(&whole, 3);
    // First epoch at which the val_loss has not fallen for two epochs.
    let lowest_before = |end: usize| losses[..end].iter().copied().fold(f64::MAX, f64::min);
    let end = (3..=losses.len()).find(|&end| lowest_before(end) == lowest_before(end - 2));
    let end = end.expect("the val_loss rests for two epochs");
    assert!(end < losses.len(), "the run is cut short: {losses:?}");

    let mut impatient = patient.clone();
    impatient.train.patience = Some(2);
    let run = RunDirectory::create(folder.path().join("run"), &impatient).expect("a free folder");
    match go(&run, &impatient, never).expect("a run") {
        TrainingOutcome::Complete { best, epochs } => {
            assert_eq!((best.epoch, epochs), (end - 2, end))
        }
        stopped @ TrainingOutcome::Stopped { .. } => panic!("{stopped:?}"),
    }
    assert_eq!(history(&run), history(&whole)[..=end]);
    assert!(
        matches!(go(&run, &impatient, never), Err(TrainError::Complete { epochs, .. }) if epochs == end)
    );
    // Higher patience continues the run.
    impatient.train.patience = Some(100);
    go(&run, &impatient, never).expect("the rest of the run");
    expect_same(&run, &whole);
}

#[test]
fn resume_restores_patience_counters_and_reduced_rates() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut config = restless(&data);
    config.train.reduce_on_plateau = Some(2);
    config.train.patience = Some(8);
    let whole = complete(&config, &folder.path().join("whole"));
    let rates = column(&whole, 5);
    assert!(rates.last() < rates.first(), "{rates:?}");
    expect_same_in_pieces(&config, &folder.path().join("pieces"), &whole);
}

#[test]
fn resume_from_a_mid_epoch_checkpoint_is_bit_identical() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let plain = config(&data, AugmentConfig::default());
    let whole = complete(&plain, &folder.path().join("whole"));
    let mut config = plain.clone();
    config.train.save_every = Some(2);
    let path = folder.path().join("run");
    let run = RunDirectory::create(&path, &config).expect("a free folder");
    let copies = RefCell::new(vec![]);
    // Copy the run directory after each checkpoint, as if the program had been killed then.
    let keep = |event: &TrainingEvent| {
        if let TrainingEvent::Step { .. } = event {
            let state: TrainingState =
                serde_json::from_slice(&fs::read(path.join("last/state.json")).expect("a state"))
                    .expect("a state");
            let at = (state.epoch, state.step);
            let mut copies = copies.borrow_mut();
            if copies.last() != Some(&at) {
                copy(&path, &folder.path().join(format!("copy {}", copies.len())));
                copies.push(at);
            }
        }
        false
    };
    go(&run, &config, keep).expect("a run");
    expect_same(&run, &whole);
    // Fourteen images in steps of four. The event of a step comes before its checkpoint.
    let copies = copies.into_inner();
    assert_eq!(copies[..4], [(0, 0), (0, 2), (1, 0), (1, 2)]);
    for number in 0..copies.len() {
        let copied = folder.path().join(format!("copy {number}"));
        let (run, config) = RunDirectory::open(&copied).expect("the run");
        go(&run, &config, never).expect("the rest of the run");
        expect_same(&run, &whole);
    }
}

/// Copies a folder recursively.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a writable folder");
    for entry in from.read_dir().expect("a folder") {
        let (from, to) = match entry {
            Ok(entry) => (entry.path(), to.join(entry.file_name())),
            Err(error) => panic!("{error}"),
        };
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a writable folder");
        }
    }
}

#[test]
fn zero_counts_are_refused() {
    for count in ["save_every", "patience", "reduce_on_plateau"] {
        let mut config = config(Path::new("data"), AugmentConfig::NONE);
        let setting = match count {
            "save_every" => &mut config.train.save_every,
            "patience" => &mut config.train.patience,
            _ => &mut config.train.reduce_on_plateau,
        };
        *setting = Some(0);
        assert!(
            matches!(config.validate(), Err(TrainError::Setting { name, .. }) if name == count)
        );
    }
}
