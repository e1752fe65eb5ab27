//! Selection of the shard that a worker computes: by `--shard`, or by the environment variables of the job engine that
//! started the worker.

use anyhow::Context;

/// Index of a shard, from 0, and number of shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardSelection {
    pub(crate) shard: usize,
    pub(crate) shards: usize,
    /// Name of the flag or variable that selected the shard.
    pub(crate) by: &'static str,
}

/// Environment variables in which a job engine passes the index and number of workers.
struct BatchSystem {
    index: &'static str,
    count: &'static str,
    /// Variables for the index of the first worker and the step between indices, unless these are always 0 and 1.
    first: Option<&'static str>,
    step: Option<&'static str>,
}

/// Supported engines: Kubernetes Indexed Jobs (the manifest sets the count), Slurm arrays and AWS Batch array jobs.
const BATCH_SYSTEMS: [BatchSystem; 3] = [
    BatchSystem {
        index: "JOB_COMPLETION_INDEX",
        count: "JOB_COMPLETIONS",
        first: None,
        step: None,
    },
    BatchSystem {
        index: "SLURM_ARRAY_TASK_ID",
        count: "SLURM_ARRAY_TASK_COUNT",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
    },
    BatchSystem {
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        count: "AWS_BATCH_JOB_ARRAY_SIZE",
        first: None,
        step: None,
    },
];

impl ShardSelection {
    /// Returns the shard that `named` selects as `I/N`. Without `named`, uses the environment variables; without these,
    /// returns the only shard of one.
    ///
    /// # Errors
    ///
    /// Returns an error if the shard does not exist, if a variable is missing, or if a variable is not a number.
    pub(crate) fn find(
        named: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        if let Some(text) = named {
            let numbers = text
                .split_once('/')
                .and_then(|(shard, shards)| Some((shard.parse().ok()?, shards.parse().ok()?)));
            let (shard, shards) = numbers.with_context(|| {
                format!("`--shard` is `{text}`, expected `I/N`\nhint: `--shard 0/8` is the first of eight shards")
            })?;
            return Self { shard, shards, by: "--shard" }.checked();
        }
        let number = |name: &str, text: &str| {
            text.parse::<usize>().map_err(|_| {
                anyhow::anyhow!("`{name}` is `{text}`, expected a number\nhint: name the shard with `--shard I/N`")
            })
        };
        for engine in BATCH_SYSTEMS {
            let Some(index) = variable(engine.index) else { continue };
            let index = number(engine.index, &index)?;
            let count = variable(engine.count).with_context(|| {
                format!(
                    "`{}` is set but `{}` is not, so the number of shards is unknown\nhint: set it to the number of workers, or name the shard with `--shard I/N`",
                    engine.index, engine.count
                )
            })?;
            let count = number(engine.count, &count)?;
            let other = |name: Option<&str>, default| match name {
                Some(name) => variable(name).map_or(Ok(default), |text| number(name, &text)),
                None => Ok(default),
            };
            let (first, step) = (other(engine.first, 0)?, other(engine.step, 1)?.max(1));
            // An index below the first one becomes an index beyond the last shard, which is refused.
            let shard = index.checked_sub(first).unwrap_or(usize::MAX) / step;
            return Self { shard, shards: count, by: engine.index }.checked();
        }
        Ok(Self { shard: 0, shards: 1, by: "default" })
    }

    fn checked(self) -> anyhow::Result<Self> {
        let Self { shard, shards, by } = &self;
        anyhow::ensure!(
            shard < shards,
            "shard {shard} of {shards}, selected by `{by}`, does not exist\nhint: shards are numbered from 0: `--shard 0/{0}` is the first, `--shard {1}/{0}` the last",
            (*shards).max(1),
            shards.saturating_sub(1)
        );
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: Option<&str>, variables: &[(&str, &str)]) -> anyhow::Result<(usize, usize)> {
        let value = |name: &str| {
            let found = variables.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        ShardSelection::find(named, value)
            .map(|ShardSelection { shard, shards, .. }| (shard, shards))
    }

    #[test]
    fn shard_comes_from_the_flag_or_the_job_environment() {
        let kubernetes = [("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "8")];
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
        ];
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")];
        for (named, variables, expected) in [
            (None, &[][..], (0, 1)),
            (Some("1/3"), &kubernetes, (1, 3)),
            (None, &kubernetes, (2, 8)),
            (None, &slurm, (3, 4)),
            (None, &batch, (0, 2)),
        ] {
            assert_eq!(find(named, variables).expect("a share"), expected);
        }
    }

    #[test]
    fn invalid_shard_error_names_its_source() {
        for (named, variables, expected) in [
            (Some("3/3"), &[][..], "--shard"),
            (Some("0/0"), &[], "--shard"),
            (Some("3"), &[], "--shard"),
            (Some("a/3"), &[], "--shard"),
            (None, &[("JOB_COMPLETION_INDEX", "2")], "JOB_COMPLETIONS"),
            (None, &[("JOB_COMPLETION_INDEX", "two")], "JOB_COMPLETION_INDEX"),
            (
                None,
                &[
                    ("SLURM_ARRAY_TASK_ID", "0"),
                    ("SLURM_ARRAY_TASK_COUNT", "2"),
                    ("SLURM_ARRAY_TASK_MIN", "1"),
                ],
                "SLURM_ARRAY_TASK_ID",
            ),
        ] {
            let message = find(named, variables).expect_err("no share").to_string();
            assert!(message.contains(expected) && message.contains("\nhint: "), "{message}");
        }
    }
}
