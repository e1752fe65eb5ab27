//! Runs programs in turn, so that other load on the machine affects all of them.
//!
//! A program does one round of work per line on its standard input and prints the seconds that it took. The first
//! rounds warm up and do not count.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::rounds::Rounds;
use super::spread::spread;

/// Number of rounds that warm up.
const WARM_UP: usize = 2;

/// The programs to time; the first is Permafrost.
pub(super) struct Race<'a> {
    what: &'a str,
    /// Images per round.
    images: usize,
    rounds: &'a Rounds,
    contestants: Vec<Contestant>,
}

impl<'a> Race<'a> {
    pub(super) fn new(what: &'a str, images: usize, rounds: &'a Rounds) -> Result<Self> {
        ensure!(
            images > 0 && rounds.rounds > 0,
            "expected at least 1 image and 1 round, found {images} and {}",
            rounds.rounds
        );
        Ok(Self { what, images, rounds, contestants: vec![] })
    }

    /// Starts a program and adds it.
    pub(super) fn enter(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        self.contestants.push(Contestant::start(name, command)?);
        Ok(())
    }

    /// Runs all rounds in turn and prints the results.
    pub(super) fn run(mut self) -> Result<()> {
        for round in 0..WARM_UP + self.rounds.rounds {
            for contestant in &mut self.contestants {
                let seconds = contestant.round()?;
                if round >= WARM_UP {
                    contestant.rates.push(self.images as f64 / seconds);
                }
            }
        }
        let rates = self.contestants.iter().map(|one| Ok((one.name, spread(&one.rates)?)));
        let rates = rates.collect::<Result<Vec<_>>>()?;
        let report = if self.rounds.json { self.json(&rates) } else { self.table(&rates)? };
        writeln!(stdout(), "{report}")?;
        Ok(())
    }

    fn json(&self, rates: &[(&str, [f64; 3])]) -> String {
        let [_, ours, _] = rates[0].1;
        let peer = |(name, [_, median, _]): &(&str, [f64; 3])| {
            (name.to_string(), json!({"images_per_second": median, "ratio": ours / median}))
        };
        let peers: Map<String, Value> = rates[1..].iter().map(peer).collect();
        json!({"images_per_second": ours, "what": self.what, "peers": peers}).to_string()
    }

    fn table(&self, rates: &[(&str, [f64; 3])]) -> Result<String> {
        let [_, ours, _] = rates[0].1;
        let mut table = format!(
            "{}, per second: median of {} rounds (minimum to maximum)",
            self.what, self.rounds.rounds
        );
        for (name, [least, median, largest]) in rates {
            write!(table, "\n  {name:<12} {median:8.2}  ({least:.2} to {largest:.2})")?;
            if *name != rates[0].0 {
                write!(table, "  permafrost is {:.2} times as fast", ours / median)?;
            }
        }
        Ok(table)
    }
}

/// A started program that waits for its next round.
struct Contestant {
    name: &'static str,
    /// The process ends when its standard input is closed, which happens when this is dropped.
    _program: Child,
    turns: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Images per second, one value per round.
    rates: Vec<f64>,
}

impl Contestant {
    fn start(name: &'static str, command: &mut Command) -> Result<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_numeric_answer_is_an_error() {
        let mut echo = Contestant::start("echo", &mut Command::new("cat")).unwrap();
        let error = echo.round().unwrap_err().to_string();
        assert!(error.contains("expected seconds from `echo`"), "{error}");
    }

    #[test]
    fn race_without_rounds_or_images_is_an_error() {
        let rounds = |rounds| Rounds { peers: false, rounds, json: false };
        assert!(Race::new("nothing", 0, &rounds(1)).is_err());
        assert!(Race::new("nothing", 1, &rounds(0)).is_err());
    }
}
