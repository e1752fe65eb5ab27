//! `permafrost classify`: classifies images into ImageNet's 1000 classes with the complete pretrained network.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use model::json_number;
use quoting::Shown;
use serde_json::json;
use vgg::{ImageNet, Variant, VggConfig, Weights};

use crate::arguments::{WEIGHTS_FOLDER, one_of};
use crate::bar::Bar;
use crate::class_index::read_class_names;
use crate::device::DeviceArguments;
use crate::image_files::ImageFiles;
use crate::named_output::named;
use crate::printed::stdout;

/// Number of classes printed for an image.
const BEST: usize = 5;

/// Classify images into the 1000 classes of ImageNet
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost classify holiday.jpg
  permafrost classify --base vgg19 --json more-photos")]
pub(crate) struct ClassifyArguments {
    /// Weights file with the three dense layers [default: from `cargo xtask fetch weights --include-top`]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Network
    #[arg(long, value_name = "NAME", default_value = "vgg16", value_parser = one_of::<Variant>(&["vgg16", "vgg19"]))]
    base: Variant,
    /// Class names in the format of Keras's `imagenet_class_index.json` [default:
    /// data/weights/imagenet_class_index.json]
    #[arg(long, value_name = "FILE")]
    class_index: Option<PathBuf>,
    /// Image files, or folders of images
    #[arg(value_name = "IMAGE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &ClassifyArguments) -> anyhow::Result<ExitCode> {
    let files = ImageFiles::find(&arguments.files)?;
    let folder = Path::new(WEIGHTS_FOLDER);
    let class_index = arguments.class_index.clone();
    let names =
        read_class_names(&class_index.unwrap_or_else(|| folder.join("imagenet_class_index.json")))?;
    let config = VggConfig {
        variant: arguments.base,
        image_size: ImageNet::SIZE,
        include_top: true,
        ..VggConfig::default()
    };
    let devices = arguments.device.open()?;
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let weights = weights(arguments, &config)?;
    let network = ImageNet::new(&config, &weights, &make_base, devices.tensors())?;
    let bar = Bar::default();
    files.read_in_batches(config.image_size, None, &bar, |files, images| {
        let photos: Vec<&[u8]> = images.iter().map(|image| &*image.values).collect();
        let probabilities = network.classify(&photos);
        let probabilities = probabilities.map_err(|error| named(error, |index| files[index]))?;
        bar.out_of_the_way(|| {
            for (file, probabilities) in files.iter().zip(probabilities) {
                print(file, &best(&probabilities, &names), arguments.json)?;
            }
            Ok(())
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

fn weights(arguments: &ClassifyArguments, config: &VggConfig) -> anyhow::Result<Weights> {
    let name = config.variant.name();
    let published =
        Path::new(WEIGHTS_FOLDER).join(format!("{name}_weights_tf_dim_ordering_tf_kernels.h5"));
    let path = arguments.weights.as_ref().unwrap_or(&published);
    if arguments.weights.is_none() && !path.is_file() {
        anyhow::bail!(
            "the weights with the dense layers are not at `{}`\nhint: `cargo xtask fetch weights --base {name} --include-top` downloads them (about 550 MB); `--weights` names another file",
            path.shown()
        );
    }
    Ok(Weights::load(path, config)?)
}

/// Returns the names and probabilities of the `BEST` most likely classes, most likely first. Classes of equal
/// probability stay in class order.
fn best<'a>(probabilities: &[f32], names: &'a [String]) -> Vec<(&'a str, f32)> {
    let mut classes: Vec<(&str, f32)> =
        names.iter().map(String::as_str).zip(probabilities.iter().copied()).collect();
    classes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    classes.truncate(BEST);
    classes
}

fn print(file: &Path, best: &[(&str, f32)], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let classes: Vec<_> = best
            .iter()
            .map(|&(class, probability)| json!({"class": class, "probability": json_number(probability)}))
            .collect();
        writeln!(io::stdout(), "{}", json!({"file": file.to_string_lossy(), "best": classes}))?;
    } else {
        let mut out = stdout();
        writeln!(out, "{}", file.shown())?;
        for (class, probability) in best {
            writeln!(out, "  {probability:.4}  {}", class.shown())?;
        }
    }
    Ok(())
}
