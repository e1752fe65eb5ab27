//! `cargo xtask bench`: how fast the parts are, beside others in the same run.
//!
//! Every contestant is a program of its own that does a round for each line it is sent and answers with
//! the seconds. They take turns, so that what else the machine does falls on all of them; the first
//! rounds warm up and don't count.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::keras;

/// What is timed.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The frozen base: VGG16 at 180x180 in 32-bit floats, on all cores
    Base(BaseArguments),
}

#[derive(Args)]
pub(crate) struct BaseArguments {
    /// How many pictures go through at once
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Time Keras on TensorFlow and Burn's Flex as well
    #[arg(long)]
    peers: bool,
    /// How many rounds count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Rounds that don't count.
const WARM_UP: usize = 2;

/// Times what is asked for with the program of the workspace at `root`.
///
/// # Errors
/// If a contestant can't be built, installed or started, or answers with no number.
pub(crate) fn run(root: &Path, bench: &Bench) -> Result<()> {
    let Bench::Base(arguments) = bench;
    ensure!(arguments.batch > 0 && arguments.rounds > 0, "expected a batch and rounds, found none");
    let example = keras::build_example(root, "base")?;
    let batch = arguments.batch.to_string();
    let ours = |engine: &str| {
        let mut command = Command::new(&example);
        command.args([engine, &batch]);
        command
    };
    let mut contestants = vec![Contestant::start("permafrost", ours("winograd"))?];
    if arguments.peers {
        let checks = root.join("tests/keras/requirements.txt");
        let mut keras = Command::new(keras::install(&root.join("target/keras"), &checks)?);
        keras.arg("-B").arg(root.join("bench/base.py")).arg(&batch);
        contestants.push(Contestant::start("keras", keras)?);
        contestants.push(Contestant::start("burn_flex", ours("flex"))?);
    }
    for round in 0..WARM_UP + arguments.rounds {
        for contestant in &mut contestants {
            let seconds = contestant.round()?;
            if round >= WARM_UP {
                contestant.rates.push(arguments.batch as f64 / seconds);
            }
        }
    }
    report(&mut contestants, arguments)
}

/// A program that waits for its turn.
struct Contestant {
    name: &'static str,
    /// Kept, so that it ends with us.
    _program: Child,
    turns: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Images a second, round by round.
    rates: Vec<f64>,
}

impl Contestant {
    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start `{name}`"))?;
        let turns = program.stdin.take().context("expected a standard input")?;
        let answers = BufReader::new(program.stdout.take().context("expected an output")?);
        Ok(Self { name, _program: program, turns, answers, rates: vec![] })
    }

    fn round(&mut self) -> Result<f64> {
        let name = self.name;
        writeln!(self.turns).with_context(|| format!("`{name}` has ended"))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let seconds: f64 = answer.trim().parse().with_context(|| {
            format!("expected seconds from `{name}`, found `{}`", answer.trim())
        })?;
        ensure!(seconds > 0.0, "expected seconds from `{name}`, found {seconds}");
        Ok(seconds)
    }
}

/// The median of several numbers, and the least and the largest.
fn spread(rates: &mut [f64]) -> [f64; 3] {
    rates.sort_by(f64::total_cmp);
    [rates[0], rates[rates.len() / 2], rates[rates.len() - 1]]
}

fn report(contestants: &mut [Contestant], arguments: &BaseArguments) -> Result<()> {
    let rates: Vec<(&str, [f64; 3])> =
        contestants.iter_mut().map(|one| (one.name, spread(&mut one.rates))).collect();
    let [_, ours, _] = rates[0].1;
    let text = if arguments.json {
        let peers: Map<String, Value> = rates[1..]
            .iter()
            .map(|(name, [_, median, _])| {
                (name.to_string(), json!({"images_per_second": median, "ratio": ours / median}))
            })
            .collect();
        let batch = arguments.batch;
        json!({"images_per_second": ours, "batch": batch, "size": 180, "peers": peers}).to_string()
    } else {
        let mut table = format!(
            "images a second through VGG16 at 180x180, batch {}, median of {} rounds (least to largest)",
            arguments.batch, arguments.rounds
        );
        for (name, [least, median, largest]) in &rates {
            let ratio = ours / median;
            write!(table, "\n  {name:<12} {median:7.2}  ({least:.2} to {largest:.2})")?;
            if *name != rates[0].0 {
                write!(table, "  permafrost is {ratio:.2} times as fast")?;
            }
        }
        table
    };
    writeln!(stdout(), "{text}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_median_between_the_ends() {
        assert_eq!(spread(&mut [5.0, 1.0, 9.0, 2.0, 7.0]), [1.0, 5.0, 9.0]);
        assert_eq!(spread(&mut [3.0]), [3.0; 3]);
    }

    #[test]
    fn a_contestant_that_answers_with_no_number_is_an_error() {
        let mut echo = Contestant::start("echo", Command::new("cat")).unwrap();
        let error = echo.round().unwrap_err().to_string();
        assert!(error.contains("expected seconds from `echo`"), "{error}");
    }
}
