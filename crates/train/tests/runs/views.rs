//! Kept views and bounded memory: what is computed once, where it is kept, and that neither changes a bit of
//! what it should not.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use augment::AugmentConfig;
use train::{Event, Outcome, RunConfig, RunFolder, Set, TrainError};

use crate::job::{
    complete, config, expect_same, expect_same_in_pieces, go, history, never, pictures,
};

/// The settings of a run with so many kept views.
fn with_views(data: &Path, views: usize) -> RunConfig {
    let mut config = config(data, AugmentConfig::default());
    config.train.views = Some(views);
    config
}

/// Runs `config` in the folder at `path`, and returns where the views came from and whether they were there.
fn views_of(config: &RunConfig, path: &Path) -> (RunFolder, std::path::PathBuf, bool) {
    let run = RunFolder::create(path, config).expect("a free folder");
    let found = RefCell::new(None);
    let look = |event: &Event| {
        if let Event::Views { path, again, .. } = event {
            *found.borrow_mut() = Some((path.clone(), *again));
        }
        false
    };
    go(&run, config, look).expect("a run");
    let (path, again) = found.into_inner().expect("views");
    (run, path, again)
}

#[test]
fn the_first_epoch_with_one_view_is_that_of_the_exact_mode_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let exact = config(&data, AugmentConfig::default());
    let exact = history(&complete(&exact, &folder.path().join("exact")));
    let kept = history(&complete(&with_views(&data, 1), &folder.path().join("kept")));
    assert_eq!(kept[..2], exact[..2]);
    // Later epochs see the same view again, and another one in the exact mode.
    assert_ne!(kept[2], exact[2]);
}

#[test]
fn a_run_with_views_stopped_anywhere_is_the_same_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let config = with_views(&data, 3);
    let whole = complete(&config, &folder.path().join("a/whole"));
    let views = fs::read(whole.views()).expect("the views");

    // Elsewhere, so that it does not find those of the first run.
    let path = folder.path().join("b/in pieces");
    let run = RunFolder::create(&path, &config).expect("a free folder");
    let first_views = |event: &Event| matches!(event, Event::Features { set: Set::Views, .. });
    assert_eq!(go(&run, &config, first_views).expect("a run"), Outcome::Stopped { epochs: 0 });
    let some = fs::read(run.views()).expect("some views");
    assert!(some.len() < views.len() && views.starts_with(&some));
    go(&run, &config, never).expect("the rest of the run");
    assert!(fs::read(run.views()).expect("the views") == views);
    assert_eq!(history(&run), history(&whole));

    expect_same_in_pieces(&config, &folder.path().join("c/in pieces"), &whole);
}

#[test]
fn views_are_taken_from_a_run_beside_where_nothing_they_follow_from_differs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let at = |name: &str| folder.path().join("runs").join(name);
    let config = with_views(&data, 2);
    let (first, _, again) = views_of(&config, &at("first"));
    assert!(!again);

    let (second, path, again) = views_of(&config, &at("second"));
    assert_eq!((path, again), (first.views(), true));
    assert_eq!(history(&second), history(&first));
    assert!(!second.views().exists());

    let mut another_head = config.clone();
    another_head.head.hidden = 8;
    another_head.train.views = Some(1);
    let (_, path, again) = views_of(&another_head, &at("another head"));
    assert_eq!((path, again), (first.views(), true));

    let mut others = [config.clone(), config.clone(), config.clone()];
    others[0].train.seed += 1;
    others[1].augment.zoom = 0.1;
    others[2].train.views = Some(3);
    for (number, other) in others.iter().enumerate() {
        let (run, path, again) = views_of(other, &at(&format!("other {number}")));
        assert_eq!((path, again), (run.views(), false));
    }
}

#[test]
fn views_of_nothing_and_damaged_views_are_errors_with_a_hint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let mut plain = config(&data, AugmentConfig::NONE);
    plain.train.views = Some(2);
    assert!(matches!(plain.validate(), Err(TrainError::Setting { name: "views", .. })));
    assert!(with_views(&data, 0).validate().is_err());

    let config = with_views(&data, 2);
    let run = RunFolder::create(&folder.path().join("run"), &config).expect("a free folder");
    let first_epoch = |event: &Event| matches!(event, Event::Epoch { .. });
    go(&run, &config, first_epoch).expect("a run");
    let mut views = fs::read(run.views()).expect("the views");
    // Rows are of 128 values and a checksum; the last one stays whole.
    let last = views.len() - (128 + 1) * 4;
    views[200..last].chunks_mut(40).for_each(|bytes| bytes[0] ^= 1);
    fs::write(run.views(), views).expect("a writable folder");
    let before = history(&run);
    let message = match go(&run, &config, never) {
        Err(error) => error.to_string(),
        Ok(outcome) => format!("{outcome:?}"),
    };
    assert!(message.contains("checksum") && message.contains("\nhint: remove it"), "{message}");
    assert_eq!(history(&run), before);
    fs::remove_file(run.views()).expect("a writable folder");
    go(&run, &config, never).expect("the views computed again");
}

#[test]
fn the_bound_of_memory_changes_no_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    for (name, augment) in [("augmented", AugmentConfig::default()), ("plain", AugmentConfig::NONE)]
    {
        let config = config(&data, augment);
        let whole = complete(&config, &folder.path().join(name));
        let mut bounded = config.clone();
        bounded.data.cache_mb = 0;
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
