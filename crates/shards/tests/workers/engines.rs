//! Engines of workers: pieces that another engine computed, and features that a type can't hold.

use shards::{Dtype, FeatureSet, ImageIndex, ShardEvent, Sharding, ShardsError, Store, check};
use vgg::engine_name;

use crate::worker::{Worker, contents, files};

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
fn other_instruction_set_is_refused_or_replaced_on_request() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("images");
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
fn pieces_without_an_instruction_set_are_used_and_reported() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("images");
    let store = Store::in_memory();
    // Engine name of versions without instruction sets in it.
    Worker::with_engine("winograd f32", 1.0).work(&images, &store, |_| {});
    let old = "winograd f32".to_owned();
    assert_eq!(FeatureSet::open(&store).expect("a set").engines(), &[(old.clone(), 2)].into());
    assert_eq!(others(&Worker::new(), &images, &store), [old.clone(), old]);
    // Another engine is another setting, unlike another instruction set.
    let other = Worker::with_engine("libtorch f32 on another", 1.0);
    let refused = other.try_to_work(&images, &store, |_| {});
    assert!(matches!(refused, Err(ShardsError::DifferentSettings { .. })));
}

#[test]
fn feature_beyond_the_dtype_range_error_names_the_image() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("images");
    let [largest, next] = [
        " expected at most 6.5504e4 as float16",
        "is NaN, expected at most 3.4028235e38 as float32",
    ];
    for (factor, dtype, words, hint) in [
        (1e6, Dtype::Float16, largest, "store the features as float32"),
        (f32::INFINITY, Dtype::Float16, largest, "the weights or the device are faulty"),
        (f32::NAN, Dtype::Float32, next, "the weights or the device are faulty"),
    ] {
        let worker = Worker { dtype, ..Worker::with_engine("too large", factor) };
        let store = Store::in_memory();
        let error = worker.try_to_work(&images, &store, |_| {}).expect_err("too large");
        let message = error.to_string();
        assert!(
            message.starts_with("a feature of `") && message.contains(".png` is "),
            "{message}"
        );
        assert!(message.ends_with(words), "{message}");
        assert!(error.hint().expect("a hint").starts_with(hint), "{message}");
        assert_eq!(contents(&store), []);
    }
    let worker = Worker { dtype: Dtype::Float16, ..Worker::with_engine("small", 1.0) };
    worker.work(&images, &Store::in_memory(), |_| {});
}
