//! Program `permafrost`, which trains an image classifier on a folder of images and applies it.
//!
//! Each command has a file of its name in `commands/`. Only this crate selects devices and prints.

mod arguments;
mod bar;
mod cache_arguments;
mod class_index;
mod commands;
mod dashboard;
mod demo;
mod device;
mod evaluation_json;
mod events;
mod hints;
mod history;
mod image_files;
mod inputs;
mod interrupt;
mod linear_settings;
mod logs;
mod model_predictions;
mod named_output;
mod output;
mod pipe;
mod printed;
mod progress;
mod quiet_decoders;
mod rate_meter;
mod run_report;
mod run_summary;
mod settings;
mod shard_selection;
mod sheet;
mod skipped;
mod sort_into;
mod split_names;
mod split_table;
mod starting_model;
mod verify_resume;
mod warnings;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    cache, classify, compare, completions, devices, doctor, evaluate, export, features, man,
    predict, report, serve, show, summary, train,
};

/// Train an image classifier on top of a frozen, pretrained VGG, on your own photos.
#[derive(Parser)]
#[command(
    name = "permafrost",
    version,
    after_help = "Examples:
  permafrost train --demo
  permafrost train photos
  permafrost predict runs/train/best more-photos"
)]
struct Permafrost {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::TrainArguments>),
    Evaluate(evaluate::EvaluateArguments),
    Report(report::ReportArguments),
    Compare(compare::CompareArguments),
    Doctor(doctor::DoctorArguments),
    Show(show::ShowArguments),
    Predict(predict::PredictArguments),
    Serve(serve::ServeArguments),
    Classify(classify::ClassifyArguments),
    Export(export::ExportArguments),
    Features(Box<features::FeaturesArguments>),
    Summary(summary::SummaryArguments),
    Cache(cache::CacheCommandArguments),
    Devices(devices::DevicesArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

fn main() -> ExitCode {
    device::configure_backends();
    logs::begin();
    quiet_decoders::quieten_decoders();

    let arguments = Permafrost::try_parse().unwrap_or_else(|error| train::explained(error).exit());
    let done = match arguments.command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Features(arguments) => features::run(&arguments),
        Command::Summary(arguments) => summary::run(&arguments),
        Command::Cache(arguments) => cache::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Permafrost::command()),
        Command::Man(arguments) => man::run(&arguments, Permafrost::command()),
    };
    match done {
        Ok(status) => status,
        // The reader of the output, such as `head`, has closed it, which is not an error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // A failure to write to standard error can't be reported anywhere.
            let _ = writeln!(printed::stderr(), "error: {}", hints::explained(&error));
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the commands below `Examples:` in a command's help, without redirections.
    fn examples(command: &clap::Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.strip_prefix("Examples:\n").unwrap_or_default().lines();
        lines.map(|line| line.split(" > ").next().unwrap_or_default().trim().to_owned()).collect()
    }

    #[test]
    fn every_help_example_parses() {
        let program = Permafrost::command();
        program.clone().debug_assert();
        for command in program.get_subcommands().chain([&program]) {
            let examples = examples(command);
            assert!(!examples.is_empty(), "{} has no examples", command.get_name());
            for example in examples {
                let parsed = Permafrost::try_parse_from(example.split_whitespace());
                assert!(parsed.is_ok(), "{example}: {}", parsed.err().expect("an error"));
            }
        }
    }

    #[test]
    fn help_examples_use_their_own_command() {
        for command in Permafrost::command().get_subcommands() {
            let begins = format!("permafrost {}", command.get_name());
            assert!(examples(command).iter().all(|example| example.starts_with(&begins)));
        }
    }
}
