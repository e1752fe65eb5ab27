//! `permafrost man`: prints the manual page of the program or of a command.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;

/// Print a manual page
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost man > permafrost.1
  permafrost man train > permafrost-train.1")]
pub(crate) struct ManArguments {
    /// Command [default: the program]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(crate) fn run(arguments: &ManArguments, program: Command) -> anyhow::Result<ExitCode> {
    let mut program = program;
    // Gives the commands their full names, which include the program's name.
    program.build();
    let page_of = match &arguments.command {
        None => program,
        Some(name) => {
            let names: Vec<_> = program.get_subcommands().map(Command::get_name).collect();
            let command = program.find_subcommand(name).ok_or_else(|| {
                anyhow::anyhow!(
                    "unknown command `{name}`\nhint: choose one of {}",
                    names.join(", ")
                )
            })?;
            let name = format!("permafrost-{}", command.get_name());
            command.clone().display_name(name)
        }
    };
    let mut page = vec![];
    Man::new(page_of).render(&mut page)?;
    stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
