//! The program `permafrost`: trains a classifier on a folder of photographs, and uses it.
//!
//! Each command is a file of that name. Only this crate chooses devices and prints.

mod arguments;
mod bar;
mod class_index;
mod classify;
mod demo;
mod device;
mod devices;
mod doctor;
mod evaluate;
mod events;
mod export;
mod logs;
mod pace;
mod picture_files;
mod predict;
mod progress;
mod quiet_decoders;
mod report;
mod run_summary;
mod settings;
mod split_table;
mod summary;
mod train;
mod verify_resume;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Train an image classifier on top of a frozen, pretrained VGG, on your own photographs.
#[derive(Parser)]
#[command(name = "permafrost", version)]
struct Permafrost {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::TrainArguments>),
    Evaluate(evaluate::EvaluateArguments),
    Doctor(doctor::DoctorArguments),
    Predict(predict::PredictArguments),
    Classify(classify::ClassifyArguments),
    Export(export::ExportArguments),
    Summary(summary::SummaryArguments),
    Devices(devices::DevicesArguments),
}

/// The exit status of a run that was stopped by Ctrl-C, as shells have it: 128 + SIGINT.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    logs::begin();
    quiet_decoders::quieten_decoders();

    let done = match Permafrost::parse().command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Summary(arguments) => summary::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
    };
    match done {
        Ok(status) => status,
        // Whoever read the output has seen enough of it, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // There is no one left to tell where this fails.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
