//! Kept views and bounded memory: what is computed once, where it is kept, and that neither changes a bit of
//! what it should not.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use augment::AugmentConfig;
use photos::Layout;
use train::{Event, Outcome, RunConfig, RunFolder, Set, TrainError, ViewsOrigin, WeightsChoice};

use crate::job::{
    complete, config, expect_same, expect_same_in_pieces, go, history, never, pictures,
};

/// The settings of a run with so many kept views.
fn with_views(data: &Path, views: usize) -> RunConfig {
    let mut config = config(data, AugmentConfig::default());
    config.train.views = Some(views);
    config
}

/// Runs `config` in the folder at `path`, and returns where its views are and come from.
fn views_of(config: &RunConfig, path: &Path) -> (RunFolder, PathBuf, ViewsOrigin) {
    let run = RunFolder::create(path, config).expect("a free folder");
    let found = RefCell::new(None);
    let look = |event: &Event| {
        if let Event::Views { path, origin, .. } = event {
            *found.borrow_mut() = Some((path.clone(), *origin));
        }
        false
    };
    go(&run, config, look).expect("a run");
    let (path, origin) = found.into_inner().expect("views");
    (run, path, origin)
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
    let (first, _, origin) = views_of(&config, &at("first"));
    assert_eq!(origin, ViewsOrigin::Computed);

    let (second, path, origin) = views_of(&config, &at("second"));
    assert_eq!((path, origin), (first.views(), ViewsOrigin::Found));
    assert_eq!(history(&second), history(&first));
    assert!(!second.views().exists());

    let mut another_head = config.clone();
    another_head.head.hidden = 8;
    another_head.train.views = Some(1);
    let (_, path, origin) = views_of(&another_head, &at("another head"));
    assert_eq!((path, origin), (first.views(), ViewsOrigin::Found));

    let mut others = vec![config.clone(); 6];
    others[0].train.seed += 1;
    others[1].augment.zoom = 0.1;
    others[2].train.views = Some(3);
    others[3].weights = WeightsChoice::Seed(10);
    others[4].base.size = [32, 40];
    others[5].base.until = "block2_conv2".into();
    for (number, other) in others.iter().enumerate() {
        let (run, path, origin) = views_of(other, &at(&format!("other {number}")));
        assert_eq!((path, origin), (run.views(), ViewsOrigin::Computed), "{number}");
    }
    let photograph = data.join("class 0/3.png");
    fs::copy(data.join("class 1/3.png"), photograph).expect("a writable folder");
    let (run, path, origin) = views_of(&config, &at("another photograph"));
    assert_eq!((path, origin), (run.views(), ViewsOrigin::Computed));
}

#[test]
fn views_of_nothing_are_refused() {
    let data = Path::new("data");
    let mut plain = config(data, AugmentConfig::NONE);
    plain.train.views = Some(2);
    assert!(matches!(plain.validate(), Err(TrainError::Setting { name: "views", .. })));
    assert!(with_views(data, 0).validate().is_err());
}

#[test]
fn damaged_views_are_computed_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    pictures(&data, 2);
    let config = with_views(&data, 2);
    let whole = complete(&config, &folder.path().join("a/run"));
    let run = RunFolder::create(&folder.path().join("b/run"), &config).expect("a free folder");
    let first_epoch = |event: &Event| matches!(event, Event::Epoch { .. });
    go(&run, &config, first_epoch).expect("a run");
    let mut views = fs::read(run.views()).expect("the views");
    let middle = views.len() / 2;
    views[middle] ^= 1;
    fs::write(run.views(), views).expect("a writable folder");
    go(&run, &config, never).expect("the rest of the run");
    expect_same(&run, &whole);
    assert!(fs::read(run.views()).expect("views") == fs::read(whole.views()).expect("views"));
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
        let layout = Layout::find(&data, None).expect("pictures");
        let (photos, _, _) = layout.load([32, 32], 9, &bounded.data.cache()).expect("pictures");
        assert_eq!(photos.cached(), 0);
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
