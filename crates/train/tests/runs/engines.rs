//! Runs that resume on another engine, as on a CPU with another instruction set.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use augment::AugmentConfig;
use model::load_card;
use sha2::{Digest, Sha256};
use train::{RunConfig, RunDirectory, TrainError, TrainingEvent, TrainingState};
use vgg::{FrozenBase, FrozenEngine, VggError, engine_name};

use crate::job::{complete, config, expect_same, go, go_on, go_strictly, images, never};

/// Name of an engine that does not exist.
const OTHER: &str = "winograd f32 on another";

/// Engine of this machine under another name.
#[derive(Debug)]
struct Named(FrozenBase);

impl FrozenEngine for Named {
    fn name(&self) -> &str {
        OTHER
    }

    fn batch(&self) -> usize {
        32
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        self.0.features(images)
    }
}

/// Starts or resumes a run on the other engine.
fn go_on_other(run: &RunDirectory, config: &RunConfig, stop_when: impl Fn(&TrainingEvent) -> bool) {
    let weights = config.load_weights().expect("a network");
    let base = FrozenBase::new(&config.base, &weights).expect("a network");
    let base = FrozenBase::with_engine(&config.base, &weights, Box::new(Named(base)));
    go_on(run, config, base.expect("a network"), &weights, stop_when).expect("a run");
}

/// Starts a run at `path` on the other engine, and stops it after one epoch.
fn begun(config: &RunConfig, path: &Path) -> RunDirectory {
    let run = RunDirectory::create(path, config).expect("a free folder");
    go_on_other(&run, config, |event| matches!(event, TrainingEvent::Epoch { .. }));
    run
}

/// Resumes a run on this machine's engine, and returns the previous and current engine that the event reports.
fn told(run: &RunDirectory, config: &RunConfig) -> Option<(Option<String>, String)> {
    let told = RefCell::new(None);
    let look = |event: &TrainingEvent| {
        if let TrainingEvent::OtherEngine { before, now } = event {
            *told.borrow_mut() = Some((before.clone(), now.clone()));
        }
        false
    };
    go(run, config, look).expect("the rest of the run");
    told.into_inner()
}

fn engines(run: &RunDirectory) -> Vec<String> {
    let text = fs::read(run.last().join("state.json")).expect("a state");
    let state: TrainingState = serde_json::from_slice(&text).expect("a state");
    assert_eq!(load_card(run.last()).expect("a card").engines, state.engines);
    state.engines
}

/// Removes the names of engines from a checkpoint, as in older versions.
fn without_engines(folder: &Path) {
    let mut digests = BTreeMap::new();
    for name in ["model.json", "state.json"] {
        let path = folder.join(name);
        let mut json: serde_json::Map<_, _> =
            serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
        assert!(json.remove("engines").is_some());
        if json.remove("arrays").is_some() {
            json.insert("format".into(), 2.into());
        }
        fs::write(&path, serde_json::to_vec(&json).expect("JSON")).expect("a writable folder");
    }
    for name in ["model.json", "model.safetensors", "optimizer.safetensors", "state.json"] {
        let bytes = fs::read(folder.join(name)).expect("a file");
        let digest: String =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        digests.insert(name, digest);
    }
    let digests = serde_json::to_vec(&digests).expect("JSON");
    fs::write(folder.join("digests.json"), digests).expect("a writable folder");
}

#[test]
fn resume_on_another_engine_is_recorded_or_refused_if_strict() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = config(&data, AugmentConfig::NONE);
    let here = engine_name("winograd f32");
    let whole = complete(&config, &folder.path().join("whole"));
    assert_eq!(engines(&whole), [here.as_str()]);

    let run = begun(&config, &folder.path().join("run"));
    assert_eq!(engines(&run), [OTHER]);
    let refused = go_strictly(&run, &config).expect_err("another engine");
    assert!(matches!(refused, TrainError::OtherEngine { .. }), "{refused}");
    let message = refused.to_string();
    assert!(message.contains(OTHER) && message.contains(&here), "{message}");
    assert_eq!(engines(&run), [OTHER]);
    assert_eq!(told(&run, &config), Some((Some(OTHER.into()), here.clone())));
    assert_eq!(engines(&run), [OTHER.to_owned(), here.clone()]);
    assert_eq!(load_card(run.best()).expect("a card").engines.last(), Some(&here));

    // A run on one engine reports no event, and resumes even if it is strict.
    let run = RunDirectory::create(folder.path().join("same"), &config).expect("a free folder");
    go(&run, &config, |event| matches!(event, TrainingEvent::Epoch { .. })).expect("a run");
    go_strictly(&run, &config).expect("the rest of the run");
    assert_eq!(engines(&run), [here]);
    expect_same(&run, &whole);
}

#[test]
fn resume_without_a_recorded_engine_records_unknown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = config(&data, AugmentConfig::NONE);
    let whole = complete(&config, &folder.path().join("whole"));
    let run = RunDirectory::create(folder.path().join("old"), &config).expect("a free folder");
    go(&run, &config, |event| matches!(event, TrainingEvent::Epoch { .. })).expect("a run");
    without_engines(&run.last());
    let message = go_strictly(&run, &config).expect_err("an unknown engine").to_string();
    assert!(message.contains("`unknown`"), "{message}");
    let here = engine_name("winograd f32");
    assert_eq!(told(&run, &config), Some((None, here.clone())));
    assert_eq!(engines(&run), ["unknown".to_owned(), here]);
    expect_same(&run, &whole);
}

/// Engine that fails on request.
#[derive(Debug)]
struct Failing {
    base: FrozenBase,
    fails: Arc<AtomicBool>,
}

impl FrozenEngine for Failing {
    fn name(&self) -> &str {
        OTHER
    }

    fn batch(&self) -> usize {
        1
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        if self.fails.load(Ordering::Relaxed) {
            let reason = "the device has gone".into();
            return Err(VggError::Engine { engine: OTHER.into(), reason, hint: "plug it in" });
        }
        self.base.features(images)
    }
}

/// If the state can be saved, the run resumes after the failure. If not, the error reports both causes.
#[test]
fn failure_mid_epoch_saves_a_checkpoint_or_reports_both_errors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut config = config(&data, AugmentConfig::default());
    config.train.batch_size = 1;
    let weights = config.load_weights().expect("a network");
    for is_saved in [true, false] {
        let run = RunDirectory::create(folder.path().join(format!("run {is_saved}")), &config);
        let run = run.expect("a free folder");
        let fails = Arc::new(AtomicBool::new(false));
        let base = FrozenBase::new(&config.base, &weights).expect("a network");
        let engine = Box::new(Failing { base, fails: fails.clone() });
        let base = FrozenBase::with_engine(&config.base, &weights, engine).expect("a base");
        let fail = |event: &TrainingEvent| {
            if matches!(event, TrainingEvent::Step { .. }) && !fails.swap(true, Ordering::Relaxed) {
                assert!(run.last().exists());
                if !is_saved {
                    fs::remove_dir_all(run.path()).expect("a folder");
                }
            }
            false
        };
        let error = go_on(&run, &config, base, &weights, fail).expect_err("a failure");
        if is_saved {
            assert!(error.to_string().contains("the device has gone"), "{error}");
            let state = fs::read(run.last().join("state.json")).expect("a state");
            let state: TrainingState = serde_json::from_slice(&state).expect("a state");
            assert!(state.epoch == 0 && state.step > 0, "{state:?}");
            go(&run, &config, never).expect("the rest of the run");
        } else {
            let message = error.to_string();
            assert!(message.contains("state can't be saved (no folder at `"), "{message}");
            let cause = error.source().expect("a cause").to_string();
            assert!(cause.contains("the device has gone"), "{cause}");
        }
    }
}
