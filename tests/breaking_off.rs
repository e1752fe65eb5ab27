//! Object store whose answers break off at the first attempt or no longer arrive. The store is a small server on this
//! machine, and no test uses the network.

mod store;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::breaking_off::store::{Store, store_with_photos};
use crate::harness::{CommandResult, TestDir};

/// Returns a command of the program that uses the store at `address`.
fn command(workplace: &TestDir, address: &str, arguments: &str) -> Command {
    let mut command = workplace.command(arguments);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env(name, "of-nobody");
    }
    command.env("AWS_ENDPOINT_URL", address).env("AWS_ALLOW_HTTP", "true");
    command.env("AWS_REGION", "nowhere-1");
    command
}

fn run(workplace: &TestDir, address: &str, arguments: &str) -> CommandResult {
    CommandResult::of(&mut command(workplace, address, arguments))
}

/// Starts the program and returns once it waits for the store. By then it usually has no other work left.
#[cfg(unix)]
fn until_it_waits(store: &Mutex<Store>, mut command: Command) -> Child {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while store.lock().expect("no panics").waiting.is_empty() {
        if child.try_wait().expect("it was started").is_some() {
            let done = end_of(child);
            panic!("it ended before: {}{}", done.stdout, done.stderr);
        }
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(500));
    child
}

#[cfg(unix)]
fn end_of(child: Child) -> CommandResult {
    CommandResult::of_output(child.wait_with_output().expect("it was started"))
}

/// Sends SIGTERM to the program and returns its output.
#[cfg(unix)]
fn stopped(child: Child) -> CommandResult {
    let sent = Command::new("kill").arg(child.id().to_string()).status();
    assert!(sent.expect("`kill` starts").success());
    let done = end_of(child);
    assert_eq!(done.status, Some(130), "{}{}", done.stdout, done.stderr);
    done
}

#[test]
fn a_store_whose_answers_break_off_is_asked_again_and_has_the_same_bytes_in_the_end() {
    let workplace = TestDir::with_photos();
    let (store, address) = store_with_photos(&workplace);
    // The piece takes 9 MB and is uploaded in two parts.
    let settings = "--weights none --image-size 32 --last-layer block1_pool --views 10";
    for (data, out) in [("s3://bucket/photos", "s3://bucket/set"), ("photos", "set")] {
        run(&workplace, &address, &format!("features {data} --out {out} {settings}"))
            .expect_success();
    }
    let checked =
        run(&workplace, &address, "features photos --check s3://bucket/set").expect_success();
    assert_eq!(checked.stdout, "Complete: 24 images, 0 skipped, in 1 piece(s)\n");

    let store = store.lock().expect("no panics");
    for (name, object) in &store.objects {
        let expected = fs::read(workplace.path(name)).expect("a file of that name");
        if name.ends_with(".json") {
            // The JSON identifies contents by digests in a folder and by ETags in a store. This store lists no ETags.
            let without_contents = |bytes: &[u8]| {
                let mut card: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
                card.as_object_mut().expect("a card").remove("contents");
                card
            };
            assert_eq!(without_contents(object), without_contents(&expected), "`{name}`");
        } else {
            assert!(*object == expected, "`{name}` is another one");
        }
    }
    assert_eq!(store.objects.len(), 24 + 2);
    let asked = |begin: &str, end: &str| {
        let asked =
            store.asked.iter().find(|(what, _)| what.starts_with(begin) && what.contains(end));
        *asked.expect("it was asked for").1
    };
    assert!(asked("GET /bucket?", "prefix=set") >= 2);
    // An interrupted listing of three pages continues after the pages that were received.
    let begun = store
        .asked
        .iter()
        .filter(|(what, _)| what.contains("prefix=photos") && !what.contains("continuation-token"));
    assert_eq!(begun.map(|(_, &times)| times).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(asked("POST ", "?uploads"), 2);
    assert_eq!(asked("POST ", "?uploadId=1"), 2);
    assert_eq!(asked("PUT ", "partNumber=2"), 1);
}

#[cfg(unix)]
#[test]
fn a_store_that_does_not_answer_keeps_no_one_from_stopping_and_nothing_learned_is_lost() {
    let workplace = TestDir::with_photos();
    for class in ["across", "along"] {
        for number in 6..36 {
            workplace.image(&format!("photos/train/{class}/{number}.png"), class, number);
        }
    }
    let (store, address) = store_with_photos(&workplace);
    let silent_after = |count| {
        let mut store = store.lock().expect("no panics");
        store.silent_after = count;
        store.waiting.clear();
    };

    let settings = "--weights none --device cpu --image-size 32 --last-layer block1_pool";
    let compute = format!("features s3://bucket/photos --out set {settings}");
    silent_after(Some(8));
    let compute_it = command(&workplace, &address, &compute);
    let done = stopped(until_it_waits(&store, compute_it));
    assert!(done.stdout.contains("Stopped: 0 of 1 piece(s) are complete."), "{}", done.stdout);
    silent_after(None);
    run(&workplace, &address, &compute).expect_success();

    // Without memory for features, every epoch reads them again, image by image, in windows of 32 images.
    store.lock().expect("no panics").take(&workplace, "set");
    let train = "train --features s3://bucket/set --weights none --device cpu --no-augment --cache-mb 0 --batch-size 4 --epochs 2";
    run(&workplace, &address, &format!("{train} --out whole")).expect_success();
    // Requests: the JSON, the head of the piece, the validation images, a full window and a part of the next one.
    silent_after(Some(1 + 1 + 1 + 32 + 8));
    let on_set = |arguments: &str| command(&workplace, &address, arguments);
    stopped(until_it_waits(&store, on_set(&format!("{train} --out resumed"))));
    // Requests: as above, with the next window and a part of the last 8 images.
    silent_after(Some(1 + 1 + 1 + 32 + 4));
    let child = until_it_waits(&store, on_set("train --resume resumed"));
    // The waiting requests are retried and find that the features have been deleted.
    {
        let mut store = store.lock().expect("no panics");
        store.objects.retain(|name, _| !name.starts_with("set/") || name.ends_with(".json"));
    }
    silent_after(None);
    let done = end_of(child);
    assert_eq!(done.status, Some(2), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains(".safetensors` was not found"), "{}", done.stderr);
    store.lock().expect("no panics").take(&workplace, "set");
    run(&workplace, &address, "train --resume resumed").expect_success();
    assert_eq!(workplace.history("resumed"), workplace.history("whole"));
    // Each process continues after the last step of the previous one.
    let log = workplace.read("resumed/run.log");
    let steps: Vec<usize> = log
        .lines()
        .filter_map(|line| line.split_once("training epoch=0 step=")?.1.split(' ').next())
        .map(|step| step.parse().expect("a number"))
        .collect();
    assert!(steps.len() == 3 && steps.is_sorted_by(|a, b| a < b), "{log}");
}
