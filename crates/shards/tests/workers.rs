//! Tests of workers: the features that they compute of images in a store, and the state that a stopped worker leaves.

use std::fs;
use std::io::Cursor;

use augment::AugmentConfig;
use features::{Cancellation, Extractor};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use shards::{
    Dtype, FeatureSet, FeatureSettings, ImageIndex, Rows, ShardEvent, ShardJob, ShardOutcome,
    Sharding, ShardsError, Skipped, Store, ViewSettings, check, compute,
};
use vgg::{FrozenBase, FrozenEngine, Pooling, VggConfig, VggError, Weights, engine_name};

/// Returns images of two classes, and a file that is not an image.
fn files() -> Vec<(String, Vec<u8>)> {
    let image = |number: u32| {
        let image = RgbImage::from_fn(30, 40, |x, y| {
            Rgb([(x * y) as u8, (number * 40) as u8, ((x + number) % 7 * 30) as u8])
        });
        let mut bytes = Cursor::new(vec![]);
        image.write_to(&mut bytes, ImageFormat::Png).expect("an encodable picture");
        bytes.into_inner()
    };
    let mut files = vec![("train/a/broken.jpg".to_owned(), b"no picture".to_vec())];
    for (set, count) in [("train", 5), ("val", 2)] {
        for class in ["a", "b"] {
            let name = |number| format!("{set}/{class}/{number} ä.png");
            files.extend((0..count).map(|number| (name(number), image(number))));
        }
    }
    files
}

/// Returns a folder with these files.
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
    extractor: Extractor,
    dtype: Dtype,
    strict_engine: bool,
    replace: bool,
    stop: Cancellation,
}

/// This machine's engine under another name, with features multiplied by `factor`.
#[derive(Debug)]
struct Other {
    base: FrozenBase,
    name: &'static str,
    factor: f32,
}

impl FrozenEngine for Other {
    fn name(&self) -> &str {
        self.name
    }

    fn batch(&self) -> usize {
        3
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        let features = self.base.features(images)?;
        Ok(features.into_iter().map(|value| value * self.factor).collect())
    }
}

impl Worker {
    fn new() -> Self {
        Self::seeded(1)
    }

    /// Returns a worker with random weights of this seed.
    fn seeded(seed: u64) -> Self {
        let config = VggConfig {
            image_size: [32, 32],
            last_layer: "block1_pool".into(),
            pooling: Pooling::Average,
            ..VggConfig::default()
        };
        let weights = Weights::seeded(&config, seed).expect("weights");
        let base = FrozenBase::new(&config, &weights).expect("a base");
        let (dtype, stop) = (Dtype::Float32, Cancellation::default());
        let extractor = Extractor::new(base, None);
        Self { config, weights, extractor, dtype, strict_engine: false, replace: false, stop }
    }

    /// Returns a worker on a machine with another engine.
    fn with_engine(name: &'static str, factor: f32) -> Self {
        let worker = Self::new();
        let Self { config, weights, .. } = &worker;
        let base = FrozenBase::new(config, weights).expect("a base");
        let engine = Other { base, name, factor };
        let base = FrozenBase::with_engine(config, weights, Box::new(engine)).expect("a base");
        Self { extractor: Extractor::new(base, None), ..worker }
    }

    /// Computes shard 0 of 1 in two pieces.
    fn work(
        &self,
        images: &ImageIndex,
        store: &Store,
        on_event: impl FnMut(ShardEvent),
    ) -> ShardOutcome {
        self.try_to_work(images, store, on_event).expect("features")
    }

    fn try_to_work(
        &self,
        images: &ImageIndex,
        store: &Store,
        on_event: impl FnMut(ShardEvent),
    ) -> Result<ShardOutcome, ShardsError> {
        let Self { config, weights, extractor, dtype, strict_engine, replace, stop } = self;
        let base = extractor.base();
        let views = ViewSettings { count: 3, augment: AugmentConfig::default(), seed: 5 };
        let settings = FeatureSettings::new(config, weights, base, images, *dtype, Some(views));
        let sharding = Sharding::new(1, 2).expect("a cut");
        let job = ShardJob {
            images,
            extractor,
            settings: &settings,
            sharding,
            shard: 0,
            store,
            strict: false,
            strict_engine: *strict_engine,
            replace: *replace,
            stop,
        };
        compute(&job, on_event)
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
    let local = ImageIndex::find(data, |_| true).expect("photographs");
    let below = ImageIndex::below(&remote, |_| true).expect("photographs");
    let worker = Worker::new();
    let sets = [local, below].map(|images| {
        let (store, mut skipped) = (Store::in_memory(), vec![]);
        let outcome = worker.work(&images, &store, |event| {
            if let ShardEvent::Skipped(file) = event {
                skipped.push(file);
            }
        });
        assert_eq!(outcome, ShardOutcome::Complete);
        assert!(matches!(&skipped[..], [Skipped { key, .. }] if key == "train/a/broken.jpg"));
        let checked = check(&store, Some(&images), |_, _| {}).expect("a set");
        assert_eq!((checked.findings, checked.images, checked.skipped), (vec![], 14, 1));
        store
    });
    // Compares all but the digests of the contents: SHA-256 of files, or ETags of the store.
    let [of_folder, of_store] = sets.each_ref().map(|store| {
        let without = |(name, bytes): (String, Option<Vec<u8>>)| {
            let bytes = bytes.expect("it is there");
            let Ok(mut card) = serde_json::from_slice::<Value>(&bytes) else {
                return (name, bytes);
            };
            card.as_object_mut().expect("a card").remove("contents").expect("a digest");
            (name, card.to_string().into_bytes())
        };
        contents(store).into_iter().map(without).collect::<Vec<_>>()
    });
    assert!(of_folder == of_store);
    let set = FeatureSet::open(&sets[0]).expect("a set");
    let trainable = set.images().iter().filter(|photo| photo.trainable_row.is_some());
    assert_eq!((trainable.count(), set.views(), set.width()), (10, 3, 64));
    let of_views = [1, 2].map(|view| Rows { piece: 0, view: Some(view), rows: 0..1 });
    let read = set.read(&of_views, &Cancellation::NEVER).expect("rows");
    assert_ne!(read[0], read[1]);
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let cancelled = set.read(&of_views, &cancellation);
    assert!(matches!(cancelled, Err(ShardsError::Cancelled(_))));
}

#[test]
fn a_worker_that_is_stopped_leaves_whole_pieces_alone() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("photographs");
    let (mut worker, whole) = (Worker::new(), Store::in_memory());
    worker.work(&images, &whole, |_| {});
    // The first piece has four batches: the unaugmented images and three augmented copies.
    for (batches, expected) in [(1, 0), (4, 1), (5, 1), (8, 2)] {
        let (store, mut seen) = (Store::in_memory(), 0);
        worker.stop = Cancellation::default();
        worker.work(&images, &store, |event| {
            if let ShardEvent::Progress { .. } = event {
                seen += 1;
                if seen == batches {
                    worker.stop.cancel();
                }
            }
        });
        let there = contents(&store);
        assert_eq!(there.len(), 2 * expected, "after {batches} batches");
        assert!(there.iter().all(|object| contents(&whole).contains(object)));
        worker.stop = Cancellation::default();
        let mut found = 0;
        worker.work(&images, &store, |event| {
            found += usize::from(matches!(event, ShardEvent::Found { .. }));
        });
        assert_eq!(found, expected);
        assert!(contents(&store) == contents(&whole));
    }
}

/// Returns an image whose file has the same length for every `value`.
fn uncompressed(value: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    let image = RgbImage::from_pixel(30, 40, Rgb([value, 7, 7]));
    image.write_to(&mut bytes, ImageFormat::Bmp).expect("an encodable picture");
    bytes.into_inner()
}

/// Returns the number of pieces that a worker finds, and the number that a check reports as stale.
fn found_and_stale(worker: &Worker, images: &ImageIndex, store: &Store) -> [usize; 2] {
    let checked = check(store, Some(images), |_, _| {}).expect("a set");
    let mut found = 0;
    worker.work(images, store, |event| {
        found += usize::from(matches!(event, ShardEvent::Found { .. }));
    });
    [found, checked.findings.len()]
}

/// Rewrites the metadata of a set in schema 1.
fn as_of_schema_1(store: &Store) {
    for (name, bytes) in contents(store) {
        if let Ok(mut card) = serde_json::from_slice::<Value>(&bytes.expect("it is there")) {
            card["schema"] = 1.into();
            card.as_object_mut().expect("a card").remove("contents").expect("a digest");
            let object = card["object"].as_object_mut().expect("an object");
            object.remove("head_sha256").expect("a digest");
            store.put(&name, card.to_string().into_bytes()).expect("room");
        }
    }
}

#[test]
fn a_photograph_changed_within_its_length_and_time_is_found_by_check_and_computed_again() {
    let (folder, store, worker) = (folder(), Store::in_memory(), Worker::new());
    let path = folder.path().join("train/b/changed.bmp");
    let list = folder.path().join("list.txt");
    let names: Vec<_> = files().into_iter().map(|(name, _)| name).collect();
    fs::write(&list, names.join("\n") + "\ntrain/b/changed.bmp").expect("a writable folder");
    let write = |value| {
        fs::write(&path, uncompressed(value)).expect("a writable folder");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
    };
    for data in [folder.path(), &list] {
        write(1);
        let find = || ImageIndex::find(data.to_str().expect("text"), |_| true).expect("some");
        worker.work(&find(), &store, |_| {});
        assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
        write(2);
        assert_eq!(found_and_stale(&worker, &find(), &store), [1, 1]);
        assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
    }
}

#[test]
fn an_object_changed_within_its_length_is_found_by_its_etag() {
    let (remote, store, worker) = (Store::in_memory(), Store::in_memory(), Worker::new());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let write = |value| remote.put("train/b/changed.bmp", uncompressed(value)).expect("room");
    let find = || ImageIndex::below(&remote, |_| true).expect("photographs");
    write(1);
    worker.work(&find(), &store, |_| {});
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
    write(2);
    assert_eq!(found_and_stale(&worker, &find(), &store), [1, 1]);
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
}

#[test]
fn a_set_of_the_version_before_is_read_and_continued_by_lengths() {
    let (folder, store, worker) = (folder(), Store::in_memory(), Worker::new());
    let find = || ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let find = || find().expect("photographs");
    worker.work(&find(), &store, |_| {});
    let rows = || {
        let set = FeatureSet::open(&store).expect("a set");
        set.read(&[Rows { piece: 0, view: None, rows: 0..2 }], &Cancellation::NEVER).expect("rows")
    };
    let expected = rows();
    as_of_schema_1(&store);
    assert!(rows() == expected);
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
    fs::remove_file(folder.path().join("train/b/0 ä.png")).expect("a file");
    assert_eq!(found_and_stale(&worker, &find(), &store), [1, 1]);
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
}

#[test]
fn an_object_of_another_set_is_found_by_the_digest_of_its_head_before_it_is_trained_on() {
    let (folder, [store, other]) = (folder(), [Store::in_memory(), Store::in_memory()]);
    let images = ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let images = images.expect("photographs");
    Worker::new().work(&images, &store, |_| {});
    Worker::seeded(2).work(&images, &other, |_| {});
    let name = Sharding::new(1, 2).expect("a cut").all().next().expect("a piece").object();
    let [bytes, of_other] = [&store, &other].map(|store| store.get(&name).expect("an answer"));
    assert_eq!(bytes.map(|bytes| bytes.len()), of_other.as_ref().map(Vec::len));
    store.put(&name, of_other.expect("an object")).expect("room");
    let error = FeatureSet::open(&store).expect_err("another object").to_string();
    assert!(error.contains("in its first"), "{error}");
    // Schema 1 has no digest to detect the other features.
    as_of_schema_1(&store);
    FeatureSet::open(&store).expect("a set");
}

#[cfg(unix)]
#[test]
fn names_with_backslashes_and_names_that_are_not_utf_8_make_a_whole_set() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let (folder, remote) = (folder(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    for set in ["train", "val"] {
        let class = folder.path().join(set).join(r"c\x");
        fs::create_dir(&class).expect("a writable folder");
        for (number, name) in [&b"\xff.png"[..], b"\\xff.png", b"\\\\xff.png"].iter().enumerate() {
            let bytes = uncompressed(number as u8);
            fs::write(class.join(OsStr::from_bytes(name)), &bytes).expect("a writable folder");
            if let Ok(name) = str::from_utf8(name) {
                remote.put(&format!(r"{set}/c\x/{name}"), bytes).expect("room");
            }
        }
    }
    let find = || ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let compute = |images: &ImageIndex| {
        let (store, worker) = (Store::in_memory(), Worker::new());
        worker.work(images, &store, |_| {});
        assert_eq!(found_and_stale(&worker, images, &store), [2, 0]);
        let set = FeatureSet::open(&store).expect("a set");
        assert_eq!(set.classes(), ["a", "b", r"c\x"]);
        let images = set.images().iter();
        images.map(|photo| (photo.key.clone(), photo.digest)).collect::<Vec<_>>()
    };
    let of_folder = compute(&find().expect("photographs"));
    assert_eq!(of_folder.len(), 14 + 6);
    for set in ["train", "val"] {
        let name = OsStr::from_bytes(b"\xff.png");
        fs::remove_file(folder.path().join(set).join(r"c\x").join(name)).expect("a file");
    }
    let of_folder = compute(&find().expect("photographs"));
    let of_store = compute(&ImageIndex::below(&remote, |_| true).expect("photographs"));
    assert_eq!(of_folder, of_store);
}

/// Returns the engines of existing pieces that a worker reports because they differ from its own.
fn others(worker: &Worker, images: &ImageIndex, store: &Store) -> Vec<String> {
    let mut others = vec![];
    worker.work(images, store, |event| match event {
        ShardEvent::OtherEngine { found, .. } => others.push(found),
        ShardEvent::Found { .. } | ShardEvent::Skipped(_) => {}
        event => panic!("{event:?}"),
    });
    others
}

#[test]
fn pieces_of_another_instruction_set_are_told_of_and_refused_or_replaced_only_if_asked() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("photographs");
    let store = Store::in_memory();
    let (name, here) = ("winograd f32 on another", engine_name("winograd f32"));
    Worker::with_engine(name, 1.0).work(&images, &store, |_| {});
    let before = contents(&store);
    let mut worker = Worker::new();
    assert_eq!(others(&worker, &images, &store), [name, name]);
    assert!(contents(&store) == before);

    worker.strict_engine = true;
    let refused = worker.try_to_work(&images, &store, |_| {}).expect_err("another engine");
    let message = refused.to_string();
    assert!(message.contains("`engine` is") && message.contains(name), "{message}");
    assert!(message.contains(&here) && contents(&store) == before, "{message}");

    // Computes one of the two pieces again, for a set with two engines.
    let first = Sharding::new(1, 2).expect("a cut").all().next().expect("a piece");
    store.remove(&first.card()).expect("a card");
    worker.strict_engine = false;
    worker.work(&images, &store, |_| {});
    let engines = [(name.to_owned(), 1), (here.clone(), 1)].into();
    let checked = check(&store, Some(&images), |_, _| {}).expect("a set");
    assert_eq!((checked.findings, &checked.engines), (vec![], &engines));
    assert_eq!(FeatureSet::open(&store).expect("a set").engines(), &engines);

    (worker.strict_engine, worker.replace) = (true, true);
    worker.work(&images, &store, |_| {});
    let set = FeatureSet::open(&store).expect("a set");
    assert_eq!(set.engines(), &[(here, 2)].into());
}

#[test]
fn a_set_whose_pieces_do_not_name_an_instruction_set_is_used_and_told_of() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("photographs");
    let store = Store::in_memory();
    // Engine name of versions without instruction sets in it.
    Worker::with_engine("winograd f32", 1.0).work(&images, &store, |_| {});
    let old = "winograd f32".to_owned();
    assert_eq!(FeatureSet::open(&store).expect("a set").engines(), &[(old.clone(), 2)].into());
    assert_eq!(others(&Worker::new(), &images, &store), [old.clone(), old]);
    // Another engine is another setting, unlike another instruction set.
    let other = Worker::with_engine("libtorch f32 on another", 1.0);
    let refused = other.try_to_work(&images, &store, |_| {});
    assert!(matches!(refused, Err(ShardsError::OtherSettings { .. })));
}

#[test]
fn a_feature_that_its_type_does_not_hold_is_an_error_with_the_name_of_its_photograph() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("photographs");
    for (factor, dtype, words) in [
        (1e6, Dtype::Float16, "expected at most 6.5504e4 as float16\nhint: store"),
        (f32::INFINITY, Dtype::Float16, "as float16\nhint: the weights"),
        (f32::NAN, Dtype::Float32, "is NaN, expected at most 3.4028235e38 as float32\nhint: the"),
    ] {
        let worker = Worker { dtype, ..Worker::with_engine("too large", factor) };
        let store = Store::in_memory();
        let message = worker.try_to_work(&images, &store, |_| {}).expect_err("too large");
        let message = message.to_string();
        assert!(
            message.starts_with("a feature of `") && message.contains(".png` is "),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
        assert_eq!(contents(&store), []);
    }
    let worker = Worker { dtype: Dtype::Float16, ..Worker::with_engine("small", 1.0) };
    worker.work(&images, &Store::in_memory(), |_| {});
}

#[test]
fn a_json_that_claims_what_its_object_is_not_is_refused() {
    let (remote, store) = (Store::in_memory(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("photographs");
    Worker::new().work(&images, &store, |_| {});
    FeatureSet::open(&store).expect("a set");
    let name = Sharding::new(1, 2).expect("a cut").all().next().expect("a piece").card();
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
            let error = FeatureSet::open(&store).expect_err("another piece");
            assert!(matches!(error, ShardsError::Damaged { .. }), "{pointer} {claim}: {error}");
            let checked = check(&store, None, |_, _| {}).expect("a set");
            assert_ne!(checked.findings, [], "{pointer} {claim}");
        }
    }
}

/// Reads a system file that fails with another error than not found, access denied, or not an image.
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
    let images = ImageIndex::find(data, |_| true).expect("photographs");
    let error = Worker::new().try_to_work(&images, &store, |_| {});
    let error = error.expect_err("a photograph is missing").to_string();
    let place = format!("`{}`: Invalid argument", link.display());
    assert!(error.starts_with(&place) && error.contains("again once the disk"), "{error}");
    // At most the other one of the two pieces was written.
    assert!(contents(&store).len() <= 2);
}

#[cfg(unix)]
#[test]
fn a_link_to_itself_is_skipped_and_a_folder_that_cannot_be_listed_is_an_error() {
    let (folder, store) = (folder(), Store::in_memory());
    let class = folder.path().join("train/b");
    std::os::unix::fs::symlink("round.jpg", class.join("round.jpg")).expect("a writable folder");
    let data = folder.path().to_str().expect("text");
    let images = ImageIndex::find(data, |_| true).expect("photographs");
    let mut skipped = vec![];
    Worker::new().work(&images, &store, |event| {
        if let ShardEvent::Skipped(Skipped { key, .. }) = event {
            skipped.push(key);
        }
    });
    skipped.sort();
    assert_eq!(skipped, ["train/a/broken.jpg", "train/b/round.jpg"]);
    check(&store, Some(&images), |_, _| {}).expect("a set");

    // Twice 700 levels exceed the system's limit of 4096 bytes for a path.
    let [one, other] = ["one", "other"].map(|name| class.join(name).join(["deep"; 700].join("/")));
    [&one, &other].into_iter().for_each(|path| fs::create_dir_all(path).expect("folders"));
    fs::rename(class.join("other"), one.join("other")).expect("a writable folder");
    let error = ImageIndex::find(data, |_| true).expect_err("a folder too deep").to_string();
    assert!(error.contains("can't be listed: "), "{error}");
}
