//! Workers that a signal stops.

use std::fs;
use std::process::{Command, Stdio};

use super::{BASE, command, compute, contents};
use crate::harness::TestDir;

#[test]
fn stopped_worker_loses_one_piece_and_the_next_continues() {
    let workplace = TestDir::with_photos();
    // The pieces in the folder show the progress of the worker.
    let mut worker =
        command(&workplace, &format!("photos {BASE} --out set --pieces 24 --views 300"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
    let folder = workplace.path("set");
    while count(&folder, ".json") < 2 {
        assert!(worker.try_wait().expect("a child").is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let stopped =
        Command::new("kill").arg(worker.id().to_string()).status().expect("`kill` starts");
    assert!(stopped.success());
    assert_eq!(worker.wait().expect("a child").code(), Some(130));
    let there = count(&folder, ".json");
    assert!((2..24).contains(&there));
    // The folder holds only complete pieces.
    assert_eq!(count(&folder, ".safetensors"), there);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2 * there);
    let said = compute(&workplace, "--out set --pieces 24 --views 300").stdout;
    let left = 24 - there;
    assert!(
        said.contains(&format!("Complete: {left} piece(s) computed, {there} already existed.")),
        "{said}"
    );
    compute(&workplace, "--out whole --pieces 24 --views 300");
    assert!(contents(&workplace, "set") == contents(&workplace, "whole"));
}

#[test]
fn stopped_worker_suggests_more_pieces() {
    use std::io::{BufRead, BufReader, Read};

    let workplace = TestDir::with_photos();
    let mut worker = command(&workplace, &format!("photos {BASE} --out set --views 10000"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = BufReader::new(worker.stdout.take().expect("a pipe"));
    // Before this line is printed, a signal would end the program at once.
    said.read_line(&mut String::new()).expect("a line");
    let mut rest = String::new();
    let stop = || Command::new("kill").arg(worker.id().to_string()).status().expect("`kill`");
    assert!(stop().success());
    said.read_to_string(&mut rest).expect("text");
    assert_eq!(worker.wait().expect("a child").code(), Some(130));
    assert!(rest.contains("Stopped: 0 of 1 piece(s) are complete. The current piece"), "{rest}");
    assert!(rest.contains("`--pieces 20`"), "{rest}");
}

fn count(folder: &std::path::Path, end: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
}
