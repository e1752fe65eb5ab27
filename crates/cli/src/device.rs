//! Devices: the backends of this build, the devices of this machine, and the syntax of device names. No other file
//! names a backend.

use std::str::FromStr;
use std::{env, fmt};

use burn::BurnConfig;
use burn::tensor::Device;
use burn_std::config::RuntimeConfig;
use clap::Args;
use train::DeviceConfig;
use vgg::{FrozenBase, Precision, VggConfig, VggError, Weights};

use crate::arguments::one_of;

/// Arguments that select the device and its precision.
#[derive(Args)]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceArguments {
    /// Device to compute on, or auto: a CUDA GPU if there is one, else the CPU [env: PERMAFROST_DEVICE] [default: auto]
    ///
    /// `cpu`, `libtorch`, `libtorch:cuda[:N[,N...]]`, `wgpu` or `cuda[:N]`. `permafrost devices` lists the devices of
    /// this build and this machine.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Precision of the frozen base [default: auto]
    ///
    /// `auto` is `bf16` on CUDA GPUs of libtorch, else `f32`. Only devices of libtorch have `bf16`.
    #[arg(long, hide = !LIBTORCH, value_name = "PRECISION", value_parser = one_of::<PrecisionChoice>(&["f32", "bf16", "auto"]))]
    precision: Option<PrecisionChoice>,
    /// Compute the frozen base in TF32 on a GPU of libtorch
    ///
    /// TF32 has a mantissa of 10 bits. The precision `auto` is then `f32`. Unfrozen
    /// layers may always use TF32 there.
    #[arg(long, hide = !LIBTORCH)]
    tf32: bool,
    /// Use cuDNN's deterministic algorithms for the frozen base, which are slower
    #[arg(long, hide = !LIBTORCH)]
    deterministic: bool,
    /// Images per batch of the frozen base on libtorch [default: 256 on a GPU, 32 on a CPU]
    ///
    /// If a batch does not fit into the memory of the device, it is halved.
    #[arg(long, value_name = "IMAGES", hide = !LIBTORCH)]
    base_batch: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum PrecisionChoice {
    F32,
    Bf16,
    #[default]
    Auto,
}

impl DeviceArguments {
    /// Returns the device settings that the arguments select.
    ///
    /// # Errors
    ///
    /// Returns an error if the device name is invalid.
    pub(crate) fn resolve(&self) -> anyhow::Result<DeviceConfig> {
        // Read here, because clap would treat the variable as an argument that conflicts with `--resume`.
        let by_variable = env::var_os(VARIABLE).filter(|name| !name.is_empty());
        let (named, by) = match (&self.device, by_variable) {
            (Some(name), _) => (name.clone(), "--device"),
            (None, Some(name)) => (name.to_string_lossy().into_owned(), VARIABLE),
            (None, None) => ("auto".into(), "--device"),
        };
        let name = match named.as_str() {
            "auto" => DeviceName::fastest(),
            name => name.parse().map_err(|error| anyhow::anyhow!("`{by}`: {error}"))?,
        };
        let precision = match self.precision.unwrap_or_default() {
            PrecisionChoice::Auto if matches!(name, DeviceName::LibTorchCuda(_)) && !self.tf32 => {
                Precision::Bf16
            }
            PrecisionChoice::Auto | PrecisionChoice::F32 => Precision::F32,
            PrecisionChoice::Bf16 => Precision::Bf16,
        };
        Ok(DeviceConfig {
            name: name.to_string(),
            precision,
            tf32: self.tf32,
            deterministic: self.deterministic,
            base_batch: self.base_batch,
        })
    }

    /// Opens the device that the arguments select.
    ///
    /// # Errors
    ///
    /// Returns an error if the device name is invalid, if this build or this machine lacks the device, or if the device
    /// does not support the settings.
    pub(crate) fn open(&self) -> anyhow::Result<Devices> {
        Devices::open(&self.resolve()?)
    }
}

/// Sets the configuration of the backends to its default before anything reads it. Otherwise Burn and CubeCL would read
/// environment variables and the first `burn.toml` or `cubecl.toml` in the working directory or its parents. Anyone can
/// have written such a file, and the log file that it names is overwritten.
pub(crate) fn configure_backends() {
    BurnConfig::set(BurnConfig::default());
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    {
        use burn::cubecl::config::CubeClRuntimeConfig;

        CubeClRuntimeConfig::set(CubeClRuntimeConfig::default());
    }
}

/// Returns the CPU device, for work that needs no accelerator.
pub(crate) fn cpu() -> Device {
    Device::flex()
}

/// True in builds with libtorch. Other builds hide the arguments that only matter there.
const LIBTORCH: bool = cfg!(feature = "libtorch");

/// Environment variable that names the device if `--device` does not.
const VARIABLE: &str = "PERMAFROST_DEVICE";

/// Name of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceName {
    Cpu,
    LibTorch,
    LibTorchCuda(Vec<usize>),
    Wgpu,
    Cuda(usize),
}

impl DeviceName {
    /// Returns the device that `auto` selects: the first CUDA GPU, or the CPU if no such GPU is available.
    pub(crate) fn fastest() -> Self {
        let is_cuda = |name: &Self| matches!(name, Self::LibTorchCuda(_) | Self::Cuda(_));
        Self::available().into_iter().find(is_cuda).unwrap_or(Self::Cpu)
    }

    /// Returns the devices of this machine that this build supports.
    pub(crate) fn available() -> Vec<Self> {
        let mut names = vec![Self::Cpu];
        if cfg!(feature = "libtorch") {
            names.push(Self::LibTorch);
            names.extend((0..gpus_of_libtorch()).map(|number| Self::LibTorchCuda(vec![number])));
        }
        #[cfg(feature = "wgpu")]
        if !Device::enumerate(burn::tensor::DeviceType::Wgpu).is_empty() {
            names.push(Self::Wgpu);
        }
        #[cfg(feature = "cuda")]
        names.extend((0..Device::enumerate(burn::tensor::DeviceType::Cuda).len()).map(Self::Cuda));
        names
    }

    /// Returns a short description of the device.
    pub(crate) fn about(&self) -> &'static str {
        match self {
            Self::Cpu => "this CPU, with Burn's Flex and the engine of `winograd`",
            Self::LibTorch => "this CPU, with libtorch",
            Self::LibTorchCuda(_) => "a CUDA GPU, with libtorch",
            Self::Wgpu => "a GPU, with Burn's wgpu",
            Self::Cuda(_) => "a CUDA GPU, with Burn's CubeCL",
        }
    }

    /// Returns the precisions in which the device can compute the frozen base.
    pub(crate) fn precisions(&self) -> &'static [Precision] {
        match self {
            Self::LibTorch | Self::LibTorchCuda(_) => &[Precision::F32, Precision::Bf16],
            Self::Cpu | Self::Wgpu | Self::Cuda(_) => &[Precision::F32],
        }
    }

    /// Returns the settings of the device with this precision and defaults otherwise.
    pub(crate) fn config(&self, precision: Precision) -> DeviceConfig {
        DeviceConfig { name: self.to_string(), precision, ..DeviceConfig::default() }
    }

    /// Returns the cargo arguments that enable the backends missing from this build.
    pub(crate) fn missing_features() -> Vec<String> {
        [Self::LibTorch, Self::Wgpu, Self::Cuda(0)]
            .iter()
            .filter_map(Self::feature)
            .filter(|(_, is_in)| !is_in)
            .map(|(feature, _)| format!("`--features {feature}`"))
            .collect()
    }

    /// Returns the cargo feature that provides the device, and `true` if this build has the feature. The CPU needs no
    /// feature.
    fn feature(&self) -> Option<(&'static str, bool)> {
        match self {
            Self::Cpu => None,
            Self::LibTorch | Self::LibTorchCuda(_) => {
                Some(("libtorch", cfg!(feature = "libtorch")))
            }
            Self::Wgpu => Some(("wgpu", cfg!(feature = "wgpu"))),
            Self::Cuda(_) => Some(("cuda", cfg!(feature = "cuda"))),
        }
    }

    /// Checks that this build and this machine have the device.
    fn check(&self) -> anyhow::Result<()> {
        if let Some((feature, false)) = self.feature() {
            anyhow::bail!(
                "the device `{self}` needs the Cargo feature `{feature}`, which this build lacks\nhint: build with `cargo build -p cli --features {feature}`, or choose one of {}",
                list()
            );
        }
        let available = Self::available();
        let is_there = match self {
            Self::LibTorchCuda(numbers) => {
                numbers.iter().all(|&number| available.contains(&Self::LibTorchCuda(vec![number])))
            }
            other => available.contains(other),
        };
        anyhow::ensure!(
            is_there,
            "the device `{self}` is not available on this machine\nhint: choose one of {}; `permafrost devices` describes them",
            list()
        );
        Ok(())
    }
}

/// Returns the names of the available devices, formatted for a hint.
fn list() -> String {
    let names = DeviceName::available();
    let quoted = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    format!("{}, or `auto`", quoted.join(", "))
}

impl FromStr for DeviceName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbers = |text: &str| -> Option<Vec<usize>> {
            let numbers: Vec<usize> =
                text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
            let twice = |at: usize| numbers[..at].contains(&numbers[at]);
            (!(0..numbers.len()).any(twice)).then_some(numbers)
        };
        let name = match text {
            "cpu" => Some(Self::Cpu),
            "libtorch" | "libtorch:cpu" => Some(Self::LibTorch),
            "libtorch:cuda" => Some(Self::LibTorchCuda(vec![0])),
            "wgpu" => Some(Self::Wgpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => match (text.strip_prefix("libtorch:cuda:"), text.strip_prefix("cuda:")) {
                (Some(rest), _) => numbers(rest).map(Self::LibTorchCuda),
                (_, Some(rest)) => rest.parse().ok().map(Self::Cuda),
                _ => None,
            },
        };
        name.ok_or_else(|| {
            anyhow::anyhow!("unknown device `{text}`\nhint: choose one of {}", list())
        })
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::LibTorch => formatter.write_str("libtorch"),
            Self::LibTorchCuda(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                write!(formatter, "libtorch:cuda:{}", numbers.join(","))
            }
            Self::Wgpu => formatter.write_str("wgpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

/// Devices of a network. The fastest engine on the device computes the frozen base, and Burn computes the layers after
/// it.
pub(crate) struct Devices {
    name: DeviceName,
    config: DeviceConfig,
    tensors: Device,
}

impl Devices {
    /// Opens the devices of a run's settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the device name is invalid, if this build or this machine lacks the device, or if the device
    /// does not support the settings.
    pub(crate) fn open(config: &DeviceConfig) -> anyhow::Result<Self> {
        let name: DeviceName = config.name.parse()?;
        name.check()?;
        anyhow::ensure!(
            name.precisions().contains(&config.precision),
            "the device `{name}` supports float32 only\nhint: `--precision bf16` needs a libtorch device; on a CPU use `--device libtorch`"
        );
        let is_gpu = matches!(name, DeviceName::LibTorchCuda(_));
        for (is_set, flag, fits, whose) in [
            (
                config.tf32,
                "tf32",
                is_gpu && config.precision == Precision::F32,
                "float32 on libtorch's GPUs",
            ),
            (config.deterministic, "deterministic", is_gpu, "libtorch's GPUs"),
            (
                config.base_batch.is_some(),
                "base-batch",
                is_gpu || name == DeviceName::LibTorch,
                "libtorch's devices",
            ),
        ] {
            anyhow::ensure!(
                !is_set || fits,
                "`--{flag}` is not supported on the device `{name}` in {}\nhint: omit it; it is only for {whose}",
                config.precision.name()
            );
        }
        let tensors = match &name {
            DeviceName::Cpu => cpu(),
            #[cfg(feature = "libtorch")]
            DeviceName::LibTorch => libtorch(None),
            #[cfg(feature = "libtorch")]
            DeviceName::LibTorchCuda(numbers) => libtorch(Some(numbers[0])),
            #[cfg(feature = "wgpu")]
            DeviceName::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "cuda")]
            DeviceName::Cuda(number) => Device::cuda(*number),
            #[cfg(not(all(feature = "libtorch", feature = "wgpu", feature = "cuda")))]
            _ => unreachable!("checked above"),
        };
        Ok(Self { name, config: config.clone(), tensors })
    }

    /// Checks that repeated runs on this device give the same bits.
    ///
    /// # Errors
    ///
    /// Returns an error if the device is not a CPU. Only CPUs guarantee this.
    pub(crate) fn require_exact(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            matches!(self.name, DeviceName::Cpu | DeviceName::LibTorch),
            "the device `{}` does not produce bit-identical results on every run\nhint: verify with `--device cpu`",
            self.name
        );
        Ok(())
    }

    /// Returns the Burn device that computes the layers after the frozen base.
    pub(crate) fn tensors(&self) -> &Device {
        &self.tensors
    }

    /// Creates a frozen base.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`FrozenBase::new`], and an error if the device has too little memory.
    pub(crate) fn base(
        &self,
        config: &VggConfig,
        weights: &Weights,
    ) -> Result<FrozenBase, VggError> {
        match &self.name {
            DeviceName::Cpu => FrozenBase::new(config, weights),
            DeviceName::LibTorch | DeviceName::LibTorchCuda(_) => {
                self.base_of_libtorch(config, weights)
            }
            DeviceName::Wgpu | DeviceName::Cuda(_) => {
                FrozenBase::on_device(config, weights, &self.tensors)
            }
        }
    }

    #[cfg(feature = "libtorch")]
    fn base_of_libtorch(
        &self,
        config: &VggConfig,
        weights: &Weights,
    ) -> Result<FrozenBase, VggError> {
        use vgg_tch::{Options, Target, TchBase};

        let targets = match &self.name {
            DeviceName::LibTorchCuda(numbers) => {
                numbers.iter().map(|&number| Target::Cuda(number)).collect()
            }
            _ => vec![Target::Cpu],
        };
        let DeviceConfig { precision, tf32, deterministic, base_batch, .. } = self.config;
        let options = Options { precision, tf32, deterministic, batch: base_batch };
        let engine = TchBase::new(config, weights, &targets, options)?;
        FrozenBase::with_engine(config, weights, Box::new(engine))
    }

    #[cfg(not(feature = "libtorch"))]
    fn base_of_libtorch(&self, _: &VggConfig, _: &Weights) -> Result<FrozenBase, VggError> {
        unreachable!("`{}` was refused when it was opened", self.config.name)
    }
}

/// Returns the CPU or a GPU as a device of Burn's libtorch backend.
#[cfg(feature = "libtorch")]
#[expect(
    deprecated,
    reason = "Burn 0.22 is the last version that has it, and is the one used here"
)]
fn libtorch(gpu: Option<usize>) -> Device {
    gpu.map_or_else(Device::libtorch, Device::libtorch_cuda)
}

fn gpus_of_libtorch() -> usize {
    #[cfg(feature = "libtorch")]
    return vgg_tch::cuda_devices();
    #[cfg(not(feature = "libtorch"))]
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_parse_and_display() {
        for (text, expected) in [
            ("cpu", "cpu"),
            ("libtorch", "libtorch"),
            ("libtorch:cpu", "libtorch"),
            ("libtorch:cuda", "libtorch:cuda:0"),
            ("libtorch:cuda:2,0", "libtorch:cuda:2,0"),
            ("wgpu", "wgpu"),
            ("cuda", "cuda:0"),
            ("cuda:3", "cuda:3"),
        ] {
            assert_eq!(text.parse::<DeviceName>().expect("a device").to_string(), expected);
        }
        for text in ["", "gpu", "CPU", "cpu:0", "cuda:", "libtorch:cuda:1,1", "libtorch:cuda:-1"] {
            let message = text.parse::<DeviceName>().expect_err("no device").to_string();
            assert!(message.contains("\nhint: choose one of `cpu`"), "{message}");
        }
    }
}
