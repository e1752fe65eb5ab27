//! `train --verify-resume`: checks on the user's images that an interrupted and resumed run gives the same result as an
//! uninterrupted run.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::process::ExitCode;

use burn::tensor::Device;
use features::Cancellation;
use train::{Data, RunConfig, RunDirectory, TrainingEvent, TrainingJob, TrainingOutcome, fit};
use vgg::Weights;

use crate::pipe::stdout;

/// Maximum number of epochs of both runs.
const EPOCHS: usize = 2;

/// Maximum number of steps between interruptions.
const STEPS: usize = 3;

/// Inputs that both runs share.
pub(crate) struct Verification<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) weights: &'a Weights,
    pub(crate) data: Data<'a>,
    pub(crate) device: &'a Device,
}

impl Verification<'_> {
    /// Trains up to two epochs with and without interruptions, in a temporary folder, and compares the results.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let mut config = self.config.clone();
        config.train.epochs = config.train.epochs.min(EPOCHS);
        let warmup = &mut config.optimizer.warmup_epochs;
        *warmup = (*warmup).min(config.train.epochs - 1);
        let folder = tempfile::tempdir()?;
        // Separate parent folders, so that neither run finds the other's views.
        let whole_path = folder.path().join("whole/run");
        let whole = RunDirectory::create(&whole_path, &config)?;
        self.train(&config, &whole, usize::MAX)?;

        let path = folder.path().join("pieces/run");
        drop(RunDirectory::create(&path, &config)?);
        let all_steps = config.train.epochs
            * self.data.training_labels().len().div_ceil(config.train.batch_size);
        let steps = STEPS.min(all_steps / 2);
        anyhow::ensure!(
            steps > 0,
            "a run of one step can't be interrupted\nhint: verify with more `--epochs` or a smaller `--batch-size`"
        );
        let mut pieces = 1;
        let run = loop {
            let (run, read) = RunDirectory::open(&path)?;
            match self.train(&read, &run, steps)? {
                TrainingOutcome::Complete { .. } => break run,
                TrainingOutcome::Stopped { .. } => pieces += 1,
            }
        };
        for file in
            ["best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors"]
        {
            anyhow::ensure!(
                fs::read(run.path().join(file))? == fs::read(whole.path().join(file))?,
                "`{file}` differs between a run resumed in {pieces} parts and an uninterrupted run\nhint: this is a bug; report it with the command and the machine's processor"
            );
        }
        let histories = [&run, &whole].map(|run| fs::read_to_string(run.history()));
        let [found, expected] = histories.map(|history| history.map(without_seconds));
        anyhow::ensure!(
            found? == expected?,
            "the history differs between a run resumed in {pieces} parts and an uninterrupted run\nhint: this is a bug; report it with the command and the machine's processor"
        );
        writeln!(
            stdout(),
            "A run of {} epoch(s), resumed in {pieces} parts, equals the uninterrupted run: the history, model and optimizer are the same, bit for bit. This holds for this build on processors of this kind ({}).",
            config.train.epochs,
            self.data.engines().join(", ")
        )?;
        Ok(ExitCode::SUCCESS)
    }

    /// Continues a run for at most `steps` steps.
    fn train(
        &self,
        config: &RunConfig,
        run: &RunDirectory,
        steps: usize,
    ) -> anyhow::Result<TrainingOutcome> {
        let Self { weights, data, device, .. } = *self;
        let cancellation = &Cancellation::default();
        let job =
            TrainingJob { config, run, weights, data, device, strict_engine: true, cancellation };
        let made = Cell::new(0);
        let result = fit(&job, |event| {
            if let TrainingEvent::Step { .. } = event {
                made.set(made.get() + 1);
            }
            if made.get() == steps {
                cancellation.cancel();
            }
        })?;
        Ok(result.outcome)
    }
}

/// Returns the rows of a history without the sixth column, the duration of the epoch.
fn without_seconds(history: String) -> Vec<String> {
    let rest = |row: &str| {
        let cells = row.split(',').enumerate().filter(|(at, _)| *at != 5);
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",")
    };
    history.lines().map(rest).collect()
}
