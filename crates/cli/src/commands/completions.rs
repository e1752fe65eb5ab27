//! `permafrost completions`: prints the completion script of a shell.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// Print a shell completion script
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost completions bash > ~/.local/share/bash-completion/completions/permafrost
  permafrost completions zsh > ~/.zfunc/_permafrost
  permafrost completions fish > ~/.config/fish/completions/permafrost.fish")]
pub(crate) struct CompletionsArguments {
    /// Shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments, program: Command) -> anyhow::Result<ExitCode> {
    let mut program = program;
    let mut script = vec![];
    clap_complete::generate(arguments.shell, &mut program, "permafrost", &mut script);
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
