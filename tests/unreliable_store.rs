//! Object store whose answers break off at the first attempt or no longer arrive. The store is a small server on this
//! machine, and no test uses the network.

#[cfg(unix)]
mod running_program;
mod store;

use std::fs;
use std::process::Command;

use crate::harness::{CommandResult, TestDir};
#[cfg(unix)]
use crate::unreliable_store::running_program::RunningProgram;
use crate::unreliable_store::store::store_with_photos;

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

#[test]
fn interrupted_store_responses_are_retried() {
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
fn runs_on_an_unresponsive_store_stop_and_resume() {
    let workplace = TestDir::with_photos();
    for class in ["across", "along"] {
        for number in 6..36 {
            workplace.image(&format!("photos/train/{class}/{number}.png"), class, number);
        }
    }
    let (store, address) = store_with_photos(&workplace);
    let start = |arguments: &str| RunningProgram::start(command(&workplace, &address, arguments));

    let settings = "--weights none --device cpu --image-size 32 --last-layer block1_pool";
    let compute = format!("features s3://bucket/photos --out set {settings}");
    let unanswered = store.lock().expect("no panics").silent_after(8);
    // The first 8 answers break off, so the worker has no image to work on.
    let done = start(&compute).until_it_says("Shard 0 of 1 ").until_it_waits(&unanswered, 1).stop();
    assert!(done.stdout.contains("Stopped: 0 of 1 piece(s) are complete."), "{}", done.stdout);
    store.lock().expect("no panics").answer_again();
    run(&workplace, &address, &compute).expect_success();

    // Without memory for features, every epoch reads them again, image by image, in windows of 32 images.
    store.lock().expect("no panics").take(&workplace, "set");
    let train = "train --features s3://bucket/set --weights none --device cpu --no-augment --cache-mb 0 --batch-size 4 --epochs 2";
    run(&workplace, &address, &format!("{train} --out whole")).expect_success();
    // Requests: the JSON, the head of the piece, the validation images, a full window and a part of the next one.
    let unanswered = store.lock().expect("no panics").silent_after(1 + 1 + 1 + 32 + 8);
    // After the 8 steps of the full window, the run has no other work left.
    start(&format!("{train} --out resumed --json"))
        .until_it_says("\"step\":8,")
        .until_it_waits(&unanswered, 32 - 8)
        .stop();
    // Requests: as above, with the next window and a part of the last 8 images.
    let unanswered = store.lock().expect("no panics").silent_after(1 + 1 + 1 + 32 + 4);
    let resumed = start("train --resume resumed --json")
        .until_it_says("\"step\":16,")
        .until_it_waits(&unanswered, 8 - 4);
    // The waiting requests are retried and find that the features have been deleted.
    {
        let mut store = store.lock().expect("no panics");
        store.objects.retain(|name, _| !name.starts_with("set/") || name.ends_with(".json"));
        store.answer_again();
    }
    let done = resumed.end();
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
    assert_eq!(steps, [0, 8, 16], "{log}");
}
