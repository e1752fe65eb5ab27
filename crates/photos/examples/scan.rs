//! Measures the speed and memory of a survey, which reads and decodes every file of a folder:
//!
//!     scan FOLDER
//!
//! Prints the counts of the survey, the files per second and, on Linux, the peak memory of the process.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Instant;

use photos::{Layout, Survey};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: scan FOLDER")?;
    let start = Instant::now();
    let layout = Layout::find(folder, None)?;
    let listed = start.elapsed().as_secs_f64();
    let survey = Survey::of(&layout, None);
    let seconds = start.elapsed().as_secs_f64();

    let classes = survey.sets.iter().flat_map(|set| &set.classes);
    let images: usize = classes.map(|class| class.images).sum();
    let (unreadable, ignored) = (survey.skipped.unreadable.len(), survey.skipped.ignored.len());
    let mut out = stdout();
    writeln!(out, "{images} images, {unreadable} unreadable, {ignored} stray")?;
    writeln!(
        out,
        "{} groups of duplicates, {} of near duplicates",
        survey.same.len(),
        survey.near.len()
    )?;
    let files = (images + unreadable + ignored) as f64;
    writeln!(
        out,
        "listed in {listed:.3} s, all in {seconds:.2} s: {:.0} files/s",
        files / seconds
    )?;
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        writeln!(out, "{}", peak.unwrap_or_default())?;
    }
    Ok(())
}
