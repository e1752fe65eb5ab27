//! Precomputed augmented copies and memory limits: reuse of the copies, and equal results under any limit.

use std::path::Path;

use augment::AugmentConfig;
use photos::{Cache, Layout};
use train::{ImageSet, RunConfig, RunDirectory, TrainError, TrainingEvent, TrainingOutcome};

use crate::job::{
    complete, config, expect_same, expect_same_in_pieces, go, history, images, never,
};

/// Returns the settings of a run with `views` augmented copies of each image.
fn with_views(data: &Path, views: usize) -> RunConfig {
    let mut config = config(data, AugmentConfig::default());
    config.train.views = Some(views);
    config
}

#[test]
fn first_epoch_with_one_augmented_copy_matches_exact_mode() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let exact = config(&data, AugmentConfig::default());
    let exact = history(&complete(&exact, &folder.path().join("exact")));
    let kept = history(&complete(&with_views(&data, 1), &folder.path().join("kept")));
    assert_eq!(kept[..2], exact[..2]);
    // Later epochs reuse the single copy, while the exact mode augments again.
    assert_ne!(kept[2], exact[2]);
}

#[test]
fn resumed_run_with_augmented_copies_is_bit_identical() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = with_views(&data, 3);
    let whole = complete(&config, &folder.path().join("whole"));

    let run = RunDirectory::create(folder.path().join("stopped"), &config).expect("a free folder");
    let first_views = |event: &TrainingEvent| {
        matches!(event, TrainingEvent::Features { set: ImageSet::AugmentedCopies, .. })
    };
    assert_eq!(
        go(&run, &config, first_views).expect("a run"),
        TrainingOutcome::Stopped { epochs: 0 }
    );
    go(&run, &config, never).expect("the rest of the run");
    assert_eq!(history(&run), history(&whole));

    expect_same_in_pieces(&config, &folder.path().join("in pieces"), &whole);
}

#[test]
fn views_need_augmentation_and_a_positive_count() {
    let data = Path::new("data");
    let mut plain = config(data, AugmentConfig::NONE);
    plain.train.views = Some(2);
    assert!(matches!(plain.validate(), Err(TrainError::Setting { name: "views", .. })));
    assert!(with_views(data, 0).validate().is_err());
}

#[test]
fn memory_limit_does_not_change_results() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    for (name, augment) in [("augmented", AugmentConfig::default()), ("plain", AugmentConfig::NONE)]
    {
        let config = config(&data, augment);
        let whole = complete(&config, &folder.path().join(name));
        let mut bounded = config.clone();
        bounded.data.cache_mb = 0;
        let layout = Layout::find(&data, None).expect("images");
        let images = layout.load([32, 32], 9, &Cache::default()).expect("images");
        assert_eq!(images.training.cached(), 0);
        let run = complete(&bounded, &folder.path().join(format!("{name}, bounded")));
        expect_same(&run, &whole);
        let mut names: Vec<_> = run
            .path()
            .read_dir()
            .expect("a folder")
            .map(|entry| entry.expect("one").file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".lock", "best", "config.toml", "history.csv", "last", "previous"]);
    }
}
