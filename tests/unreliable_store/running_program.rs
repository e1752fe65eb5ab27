//! Program that runs while a test waits for its output or for its requests.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::harness::CommandResult;

/// Time limit for one request to arrive.
const DEADLINE: Duration = Duration::from_secs(120);

/// Running program.
pub(super) struct RunningProgram {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Part of the standard output that was read already.
    said: String,
}

impl RunningProgram {
    /// Starts the program.
    pub(super) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, stdout, said: String::new() }
    }

    /// Returns once the program has printed a line that contains `words`.
    pub(super) fn until_it_says(mut self, words: &str) -> Self {
        loop {
            let begin = self.said.len();
            if self.stdout.read_line(&mut self.said).expect("text") == 0 {
                let done = self.end();
                panic!("it ended before `{words}`: {}{}", done.stdout, done.stderr);
            }
            if self.said[begin..].contains(words) {
                return self;
            }
        }
    }

    /// Returns once `count` requests of the program wait for the store. `unanswered` receives a message for each.
    pub(super) fn until_it_waits(mut self, unanswered: &Receiver<()>, count: usize) -> Self {
        for arrived in 0..count {
            if unanswered.recv_timeout(DEADLINE).is_err() {
                // The program may have ended already.
                _ = self.child.kill();
                let done = self.end();
                panic!("{arrived} of {count} requests wait: {}{}", done.stdout, done.stderr);
            }
        }
        self
    }

    /// Waits for the end of the program and returns its output.
    pub(super) fn end(mut self) -> CommandResult {
        self.stdout.read_to_string(&mut self.said).expect("text");
        let rest = self.child.wait_with_output().expect("it was started");
        CommandResult { stdout: self.said, ..CommandResult::of_output(rest) }
    }

    /// Sends SIGTERM to the program and returns its output.
    pub(super) fn stop(self) -> CommandResult {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(sent.expect("`kill` starts").success());
        let done = self.end();
        assert_eq!(done.status, Some(130), "{}{}", done.stdout, done.stderr);
        done
    }
}
