//! Feeds damaged files to all parsers of external data, for `cargo xtask fuzz`:
//!
//!     fuzz TARGET SECONDS SEED FIXTURES INPUT
//!
//! Valid files of the target come from the folder FIXTURES or are made here. They are truncated, spliced and changed at
//! random. Each damaged file is written to INPUT before it is read, so that it remains if the program aborts.
//!
//! A panic or a read of more than five seconds is a finding and ends the program with status 1. Otherwise the program
//! prints the number of files that it read.

#[path = "fuzz/request.rs"]
mod request;

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use augment::AugmentConfig;
use burn_std::config::{BurnConfig, RuntimeConfig};
use formats::{read_arrays, read_keras};
use head::HeadConfig;
use image::{DynamicImage, ImageFormat};
use model::{ModelCard, WeightsRecord, load_card};
use random::{AddressedRng, Purpose};
use train::{
    DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, Plateau, RunConfig,
    RunDirectory, RunningMean, TrainConfig, TrainingState, WeightsChoice,
};
use vgg::{VggConfig, Weights};

/// Maximum duration of a read. All files are small.
const SLOW: Duration = Duration::from_secs(5);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, seconds, seed, fixtures, input] = arguments.as_slice() else {
        return Err("usage: fuzz TARGET SECONDS SEED FIXTURES INPUT".into());
    };
    let (seconds, seed): (u64, u64) = (seconds.parse()?, seed.parse()?);
    let seeds = whole_files(target, Path::new(fixtures))?;
    let input = Path::new(input);
    // Panics are reported below.
    std::panic::set_hook(Box::new(|_| request::count_panic()));
    for file in &seeds {
        if !read(target, file, input)? {
            return Err(format!("a valid file of `{target}` is rejected").into());
        }
    }

    let (start, mut executions, mut accepted) = (Instant::now(), 0u64, 0u64);
    while start.elapsed().as_secs() < seconds {
        let file = damaged(&seeds, &mut AddressedRng::at(seed, Purpose::Damage, 0, executions));
        let begin = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(target, &file, input)));
        executions += 1;
        let took = begin.elapsed();
        match outcome {
            Ok(read) if took < SLOW => accepted += u64::from(read?),
            Ok(_) => {
                writeln!(stdout(), "{target}: file {executions} of seed {seed} took {took:.1?}")?;
                return Ok(ExitCode::FAILURE);
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref().copied()).unwrap_or("no text");
                writeln!(stdout(), "{target}: file {executions} of seed {seed} panics: {text}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let rate = executions as f64 / start.elapsed().as_secs_f64();
    writeln!(
        stdout(),
        "{target}: {executions} damaged files read in {seconds} s ({rate:.0} a second, {accepted} accepted): no finding"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Returns true if the bytes are accepted as a file of the target.
fn read(target: &str, bytes: &[u8], input: &Path) -> Result<bool, Box<dyn Error>> {
    fs::write(input, bytes)?;
    Ok(match target {
        "image" => photos::decode(bytes).is_ok(),
        "h5" | "pth" | "safetensors" => read_arrays(input).is_ok(),
        "keras" => read_arrays(input).is_ok() & read_keras(input).is_ok(),
        "card" => load_card(input.parent().ok_or("INPUT has no parent folder")?).is_ok(),
        "state" => serde_json::from_slice::<TrainingState>(bytes).is_ok(),
        "config" => RunDirectory::open(input.parent().ok_or("INPUT has no parent folder")?).is_ok(),
        "request" => request::is_answered(bytes)?,
        other => return Err(format!("unknown target `{other}`").into()),
    })
}

/// Returns small valid files of a target.
fn whole_files(target: &str, fixtures: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let base = VggConfig {
        image_size: [32, 32],
        last_layer: "block1_pool".into(),
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 0)?;
    let config = RunConfig {
        weights: WeightsChoice::Seed(0),
        start: InitialWeights::Random,
        data: DataConfig { validation_split: Some(0.2), cache_mb: 1, ..DataConfig::at("images") },
        augment: AugmentConfig::default(),
        base: base.clone(),
        head: HeadConfig::default(),
        linear: None,
        loss: LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train: TrainConfig { views: Some(2), patience: Some(3), ..TrainConfig::default() },
        device: DeviceConfig::default(),
    };
    let named = |ending: &str| -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let mut files = vec![];
        for entry in fs::read_dir(fixtures.join("formats"))? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(ending) {
                files.push(fs::read(path)?);
            }
        }
        Ok(files)
    };
    let files = match target {
        "image" => {
            let mut files = images()?;
            for entry in fs::read_dir(fixtures.join("images/unusual"))? {
                files.push(fs::read(entry?.path())?);
            }
            files
        }
        "h5" => named(".h5")?,
        // A `.keras` file that is not a complete model is read as arrays only.
        "keras" => vec![fs::read(fixtures.join("head.keras"))?],
        "safetensors" => named(".safetensors")?,
        // The other `.pth` fixtures are invalid.
        "pth" => [named("pytorch.pth")?, named("pytorch_legacy.pth")?].concat(),
        "card" => {
            let card = ModelCard {
                format: ModelCard::FORMAT,
                base,
                weights: WeightsRecord::of(&weights),
                preprocessing: weights.preprocessing(),
                head: config.head,
                classes: ["cats", "dogs"].map(String::from).into(),
                feature_scale: 1.0,
                threshold: 0.5,
                threshold_rule: None,
                temperature: 1.0,
                metrics: None,
                engines: vec![],
            };
            let mut card = serde_json::to_value(&card)?;
            // The digest belongs to the arrays file, which is not read.
            card["arrays"] = weights.digest().into();
            vec![serde_json::to_vec_pretty(&card)?]
        }
        "state" => {
            let state = TrainingState {
                epoch: 3,
                step: 2,
                running: RunningMean::default(),
                seconds: 1.5,
                best: None,
                initial: None,
                plateau: Plateau::default(),
                settings_digest: weights.digest().into(),
                data_digest: weights.digest().into(),
                engines: vec!["winograd f32 on avx2".into()],
            };
            vec![serde_json::to_vec_pretty(&state)?]
        }
        "config" => vec![toml::to_string(&config)?.into_bytes()],
        "request" => request::whole()?,
        other => return Err(format!("unknown target `{other}`").into()),
    };
    if files.is_empty() { Err("FIXTURES has no valid files".into()) } else { Ok(files) }
}

/// Returns a small image in every format that this program can encode.
fn images() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let pixels = image::RgbImage::from_fn(40, 24, |x, y| {
        image::Rgb([(x * 6) as u8, (y * 10) as u8, (x * y) as u8])
    });
    let image = DynamicImage::from(pixels);
    let gray: DynamicImage = image.to_luma8().into();
    let mut files = vec![];
    for (image, format) in [
        (&gray, ImageFormat::Jpeg),
        (&gray, ImageFormat::Png),
        (&image, ImageFormat::Jpeg),
        (&image, ImageFormat::Png),
        (&image, ImageFormat::Bmp),
        (&image, ImageFormat::Gif),
        (&image, ImageFormat::WebP),
        (&image, ImageFormat::Tiff),
    ] {
        let mut bytes = std::io::Cursor::new(vec![]);
        image.write_to(&mut bytes, format)?;
        files.push(bytes.into_inner());
    }
    Ok(files)
}

/// Returns one of the files, damaged in one to four ways.
fn damaged(seeds: &[Vec<u8>], draws: &mut AddressedRng) -> Vec<u8> {
    let mut file = seeds[draws.below(seeds.len())].clone();
    for _ in 0..1 + draws.below(4) {
        if file.is_empty() {
            break;
        }
        let at = draws.below(file.len());
        let length = 1 + draws.below((file.len() - at).min(64));
        match draws.below(8) {
            0 => file[at] ^= 1 << draws.below(8),
            1 => file[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'"'][draws.below(8)],
            // Overwrite a possible length or offset.
            2 => {
                let lie = [0, 1, u64::MAX, u64::from(u32::MAX), 1 << 31, 1 << 62][draws.below(6)];
                let lie = if draws.coin() { lie.to_le_bytes() } else { lie.to_be_bytes() };
                let length = [2, 4, 8][draws.below(3)].min(file.len() - at);
                file[at..at + length].copy_from_slice(&lie[..length]);
            }
            3 => file.truncate(at),
            4 => drop(file.drain(at..at + length)),
            5 => {
                let part = file[at..at + length].to_vec();
                let to = draws.below(file.len() + 1);
                file.splice(to..to, part);
            }
            6 => {
                let other = &seeds[draws.below(seeds.len())];
                let from = draws.below(other.len());
                let part = other[from..(from + length).min(other.len())].to_vec();
                let end = (at + part.len()).min(file.len());
                file.splice(at..end, part);
            }
            _ => {
                for _ in 0..length {
                    let at = draws.below(file.len());
                    file[at] = draws.below(256) as u8;
                }
            }
        }
    }
    file
}
