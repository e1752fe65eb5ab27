//! Pictures in, features out: shared among devices, so many at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tch::{Cuda, Device, TchError, Tensor};
use vgg::{FrozenEngine, Precision, VggConfig, VggError, Weights};

use crate::network::Network;

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The CPU.
    Cpu,
    /// The CUDA GPU of this number.
    Cuda(usize),
}

/// How it is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What in.
    pub precision: Precision,
    /// On a GPU, float32 products with 10 bits behind the point.
    pub tf32: bool,
    /// On a GPU, the same bits on every run, and slower.
    pub deterministic: bool,
    /// How many pictures each device gets at a time: 32 on a CPU and 256 on a GPU, where it is left out.
    pub batch: Option<usize>,
}

/// How many CUDA GPUs libtorch finds; none where it was built without CUDA.
pub fn cuda_devices() -> usize {
    if Cuda::is_available() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 }
}

/// The layers up to the cut on one or more devices.
#[derive(Debug)]
pub struct TchBase {
    name: String,
    networks: Vec<Mutex<Network>>,
    size: [usize; 2],
    /// How many pictures a device gets at a time. It falls where they do not fit.
    batch: AtomicUsize,
}

impl TchBase {
    /// The layers of `config` up to the cut, with these weights, on each of `targets`.
    ///
    /// # Errors
    ///
    /// `config` describes no network, or a device is not there or has no room for the weights.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration, or if there are no targets.
    pub fn new(
        config: &VggConfig,
        weights: &Weights,
        targets: &[Target],
        options: Options,
    ) -> Result<Self, VggError> {
        assert!(!targets.is_empty(), "a base needs a device");
        let name = name(targets, options);
        let gpus = cuda_devices();
        let mut networks = vec![];
        for &target in targets {
            let device = match target {
                Target::Cpu => Device::Cpu,
                Target::Cuda(number) if number < gpus => Device::Cuda(number),
                Target::Cuda(number) => {
                    let reason =
                        format!("libtorch finds {gpus} CUDA GPU(s) here, none of number {number}");
                    let hint = "`permafrost devices` lists what there is";
                    return Err(VggError::Engine { engine: name, reason, hint });
                }
            };
            let network = Network::new(config, weights, device, options)?;
            networks.push(Mutex::new(network.map_err(|error| failed(&name, &error))?));
        }
        Cuda::cudnn_set_benchmark(!options.deterministic);
        let usual = if targets.contains(&Target::Cpu) { 32 } else { 256 };
        let batch = AtomicUsize::new(options.batch.unwrap_or(usual).max(1));
        Ok(Self { name, networks, size: config.size, batch })
    }

    /// The features of pictures that one device computes.
    fn on(&self, network: &Network, pictures: &[f32]) -> Result<Vec<f32>, VggError> {
        let [height, width] = self.size;
        let picture = height * width * 3;
        let mut computed = vec![];
        let mut rest = pictures;
        while !rest.is_empty() {
            let batch = self.batch.load(Ordering::Relaxed);
            let (now, later) = rest.split_at(rest.len().min(batch * picture));
            let count = now.len() / picture;
            let shape = [count as i64, height as i64, width as i64, 3];
            match network.run(now, shape) {
                Ok(features) => {
                    computed.push(features);
                    rest = later;
                }
                Err(error) if is_out_of_memory(&error) && count > 1 => {
                    // What waits to be fetched takes room too.
                    let half = count / 2;
                    self.batch.fetch_min(half, Ordering::Relaxed);
                    tracing::warn!(engine = self.name, "out of memory: {half} pictures at a time");
                }
                Err(error) => return Err(failed(&self.name, &error)),
            }
        }
        let fetch = |features: &Tensor| {
            let mut values = vec![0.0; features.numel()];
            features.f_to_device(Device::Cpu)?.f_copy_data(&mut values, features.numel())?;
            Ok(values)
        };
        let values: Result<Vec<_>, TchError> = computed.iter().map(fetch).collect();
        Ok(values.map_err(|error| failed(&self.name, &error))?.concat())
    }
}

impl FrozenEngine for TchBase {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        self.batch.load(Ordering::Relaxed) * self.networks.len()
    }

    fn features(&self, pictures: &[f32]) -> Result<Vec<f32>, VggError> {
        let picture = self.size[0] * self.size[1] * 3;
        let share = (pictures.len() / picture).div_ceil(self.networks.len()) * picture;
        let on = |network: &Mutex<Network>, pictures: &[f32]| {
            let network = network.lock().expect("no thread has panicked with it");
            self.on(&network, pictures)
        };
        if let [network] = self.networks.as_slice() {
            return on(network, pictures);
        }
        thread::scope(|scope| {
            let shares = pictures.chunks(share.max(picture)).zip(&self.networks);
            let threads: Vec<_> =
                shares.map(|(pictures, network)| scope.spawn(|| on(network, pictures))).collect();
            let features = threads.into_iter().map(|thread| thread.join().expect("no panic"));
            Ok(features.collect::<Result<Vec<_>, _>>()?.concat())
        })
    }
}

fn name(targets: &[Target], Options { precision, tf32, deterministic, .. }: Options) -> String {
    let gpus: Vec<String> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Cpu => None,
            Target::Cuda(number) => Some(number.to_string()),
        })
        .collect();
    let mut name = String::from("libtorch");
    if !gpus.is_empty() {
        name += ":cuda:";
        name += &gpus.join(",");
    }
    for (is_on, word) in
        [(true, precision.name()), (tf32, "tf32"), (deterministic, "deterministic")]
    {
        if is_on {
            name += " ";
            name += word;
        }
    }
    name
}

fn is_out_of_memory(error: &TchError) -> bool {
    error.to_string().contains("out of memory")
}

/// What libtorch says, without the calls that led to it.
fn failed(engine: &str, error: &TchError) -> VggError {
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    let hint = if is_out_of_memory(error) {
        "end other programs on the device, or choose a smaller `--size` or another `--device`"
    } else {
        "`--device cpu` needs no libtorch"
    };
    VggError::Engine { engine: engine.to_owned(), reason, hint }
}
