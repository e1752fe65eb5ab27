//! Workers: what they compute of photographs in a store, and what becomes of one that is stopped.

use std::fs;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};

use augment::AugmentConfig;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use shards::{
    Cut, Dtype, Event, FeatureSet, FeatureSettings, Job, Outcome, Photographs, Rows, ShardsError,
    Skipped, Store, ViewSettings, check, compute,
};
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

/// Photographs of two classes, and a file that is none.
fn files() -> Vec<(String, Vec<u8>)> {
    let picture = |number: u32| {
        let picture = RgbImage::from_fn(30, 40, |x, y| {
            Rgb([(x * y) as u8, (number * 40) as u8, ((x + number) % 7 * 30) as u8])
        });
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, ImageFormat::Png).expect("an encodable picture");
        bytes.into_inner()
    };
    let mut files = vec![("train/a/broken.jpg".to_owned(), b"no picture".to_vec())];
    for (set, count) in [("train", 5), ("val", 2)] {
        for class in ["a", "b"] {
            let name = |number| format!("{set}/{class}/{number} ä.png");
            files.extend((0..count).map(|number| (name(number), picture(number))));
        }
    }
    files
}

/// A folder with them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files() {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, bytes).expect("a writable folder");
    }
    folder
}

struct Worker {
    config: VggConfig,
    weights: Weights,
    base: FrozenBase,
    stop: AtomicBool,
}

impl Worker {
    fn new() -> Self {
        let config = VggConfig {
            size: [32, 32],
            until: "block1_pool".into(),
            pooling: Pooling::Average,
            ..VggConfig::default()
        };
        let weights = Weights::seeded(&config, 1).expect("weights");
        let base = FrozenBase::new(&config, &weights).expect("a base");
        Self { config, weights, base, stop: AtomicBool::new(false) }
    }

    /// Computes shard 0 of 1 in two pieces.
    fn work(&self, photographs: &Photographs, store: &Store, listen: impl FnMut(Event)) -> Outcome {
        self.try_to_work(photographs, store, listen).expect("features")
    }

    fn try_to_work(
        &self,
        photographs: &Photographs,
        store: &Store,
        listen: impl FnMut(Event),
    ) -> Result<Outcome, ShardsError> {
        let Self { config, weights, base, stop } = self;
        let views = ViewSettings { count: 3, augment: AugmentConfig::default(), seed: 5 };
        let dtype = Dtype::Float32;
        let settings = FeatureSettings::new(config, weights, base, photographs, dtype, Some(views));
        let cut = Cut::new(1, 2).expect("a cut");
        let job = Job {
            photographs,
            base,
            settings: &settings,
            cut,
            shard: 0,
            store,
            strict: false,
            replace: false,
            stop,
        };
        compute(&job, listen)
    }
}

fn contents(store: &Store) -> Vec<(String, Option<Vec<u8>>)> {
    let objects = store.list().expect("a listing").into_iter();
    objects.map(|object| (object.name.clone(), store.get(&object.name).expect("it"))).collect()
}

#[test]
fn photographs_in_a_store_give_the_bytes_that_those_in_a_folder_give() {
    let (folder, remote) = (folder(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let data = folder.path().to_str().expect("text");
    let local = Photographs::find(data, |_| true).expect("photographs");
    let below = Photographs::below(&remote, |_| true).expect("photographs");
    let worker = Worker::new();
    let sets = [local, below].map(|photographs| {
        let (store, mut skipped) = (Store::in_memory(), vec![]);
        let outcome = worker.work(&photographs, &store, |event| {
            if let Event::Skipped(file) = event {
                skipped.push(file);
            }
        });
        assert_eq!(outcome, Outcome::Complete);
        assert!(matches!(&skipped[..], [Skipped { key, .. }] if key == "train/a/broken.jpg"));
        let checked = check(&store, Some(&photographs), |_, _| {}).expect("a set");
        assert_eq!((checked.findings, checked.photographs, checked.skipped), (vec![], 14, 1));
        store
    });
    assert!(contents(&sets[0]) == contents(&sets[1]));
    let set = FeatureSet::open(&sets[0]).expect("a set");
    let trainable = set.photographs().iter().filter(|photo| photo.trainable_row.is_some());
    assert_eq!((trainable.count(), set.views(), set.width()), (10, 3, 64));
    let of_views = [1, 2].map(|view| Rows { piece: 0, view: Some(view), rows: 0..1 });
    let read = set.read(&of_views).expect("rows");
    assert_ne!(read[0], read[1]);
    let stopped = set.read_unless(&AtomicBool::new(true), &of_views);
    assert!(matches!(stopped, Err(ShardsError::Stopped)));
}

#[test]
fn a_worker_that_is_stopped_leaves_whole_pieces_alone() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let photographs = Photographs::below(&remote, |_| true).expect("photographs");
    let (worker, whole) = (Worker::new(), Store::in_memory());
    worker.work(&photographs, &whole, |_| {});
    // After so many batches, of which the first piece has four, one for the pictures and each view.
    for (batches, expected) in [(1, 0), (4, 1), (5, 1), (8, 2)] {
        let (store, mut seen) = (Store::in_memory(), 0);
        worker.stop.store(false, Ordering::Relaxed);
        worker.work(&photographs, &store, |event| {
            if let Event::Progress { .. } = event {
                seen += 1;
                worker.stop.store(seen == batches, Ordering::Relaxed);
            }
        });
        let there = contents(&store);
        assert_eq!(there.len(), 2 * expected, "after {batches} batches");
        assert!(there.iter().all(|object| contents(&whole).contains(object)));
        worker.stop.store(false, Ordering::Relaxed);
        let mut found = 0;
        worker.work(&photographs, &store, |event| {
            found += usize::from(matches!(event, Event::Found { .. }));
        });
        assert_eq!(found, expected);
        assert!(contents(&store) == contents(&whole));
    }
}

#[test]
fn a_json_that_claims_what_its_object_is_not_is_refused() {
    let (remote, store) = (Store::in_memory(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let photographs = Photographs::below(&remote, |_| true).expect("photographs");
    Worker::new().work(&photographs, &store, |_| {});
    FeatureSet::open(&store).expect("a set");
    let name = Cut::new(1, 2).expect("a cut").all().next().expect("a piece").card();
    let bytes = store.get(&name).expect("an answer").expect("a JSON");
    let whole: Value = serde_json::from_slice(&bytes).expect("JSON");
    for pointer in [
        "/shard",
        "/pieces",
        "/counts/photographs",
        "/counts/trainable",
        "/counts/width",
        "/settings/views/count",
        "/object/length",
        "/object/features_at",
    ] {
        for claim in [0, 1, 1 << 31, u64::MAX / 44, u64::MAX] {
            let mut card = whole.clone();
            let value = card.pointer_mut(pointer).expect("a number");
            if *value == claim {
                continue;
            }
            *value = claim.into();
            store.put(&name, card.to_string().into_bytes()).expect("room");
            let error = FeatureSet::open(&store).expect_err("another piece").to_string();
            assert!(error.contains("\nhint: "), "{pointer} {claim}: {error}");
            let checked = check(&store, None, |_, _| {}).expect("a set");
            assert_ne!(checked.findings, [], "{pointer} {claim}");
        }
    }
}

/// A file of the system that says something else than that it is not there, may not be read, or is no picture.
#[cfg(target_os = "linux")]
#[test]
fn a_photograph_that_the_system_fails_to_read_is_not_left_out() {
    let failing = "/sys/class/net/lo/speed";
    let kind = fs::read(failing).expect_err("the loopback device has no speed").kind();
    assert_eq!(kind, std::io::ErrorKind::InvalidInput);
    let (folder, store) = (folder(), Store::in_memory());
    let link = folder.path().join("train/b/other.jpg");
    std::os::unix::fs::symlink(failing, &link).expect("a writable folder");
    let data = folder.path().to_str().expect("text");
    let photographs = Photographs::find(data, |_| true).expect("photographs");
    let error = Worker::new().try_to_work(&photographs, &store, |_| {});
    let error = error.expect_err("a photograph is missing").to_string();
    let place = format!("`{}`: Invalid argument", link.display());
    assert!(error.starts_with(&place) && error.contains("start again once the disk"), "{error}");
    // Of two pieces at most the other one is there.
    assert!(contents(&store).len() <= 2);
}

#[cfg(unix)]
#[test]
fn a_link_to_itself_is_skipped_and_a_folder_that_cannot_be_listed_is_an_error() {
    let (folder, store) = (folder(), Store::in_memory());
    let class = folder.path().join("train/b");
    std::os::unix::fs::symlink("round.jpg", class.join("round.jpg")).expect("a writable folder");
    let data = folder.path().to_str().expect("text");
    let photographs = Photographs::find(data, |_| true).expect("photographs");
    let mut skipped = vec![];
    Worker::new().work(&photographs, &store, |event| {
        if let Event::Skipped(Skipped { key, .. }) = event {
            skipped.push(key);
        }
    });
    skipped.sort();
    assert_eq!(skipped, ["train/a/broken.jpg", "train/b/round.jpg"]);
    check(&store, Some(&photographs), |_, _| {}).expect("a set");

    // Twice 700 levels have a path of more than the 4096 bytes that the system takes.
    let [one, other] = ["one", "other"].map(|name| class.join(name).join(["deep"; 700].join("/")));
    [&one, &other].into_iter().for_each(|path| fs::create_dir_all(path).expect("folders"));
    fs::rename(class.join("other"), one.join("other")).expect("a writable folder");
    let error = Photographs::find(data, |_| true).expect_err("a folder too deep").to_string();
    assert!(error.contains("can't be listed: ") && error.contains("\nhint: "), "{error}");
}
