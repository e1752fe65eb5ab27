//! Engine that computes features with libtorch. It divides images among devices, which process them
//! in batches.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

use tch::{Cuda, Device, TchError, Tensor};
use vgg::{FrozenEngine, VggConfig, VggError, Weights, engine_name};

use crate::Options;
use crate::network::Network;

/// Device that computes features.
#[doc(alias = "device")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The CPU.
    Cpu,
    /// CUDA GPU with this index.
    Cuda(usize),
}

/// Returns the number of CUDA GPUs that libtorch finds, or 0 if libtorch was built without CUDA.
///
/// # Examples
///
/// ```no_run
/// use vgg_tch::{Target, cuda_devices};
///
/// // All GPUs, or the CPU.
/// let mut targets: Vec<Target> = (0..cuda_devices()).map(Target::Cuda).collect();
/// if targets.is_empty() {
///     targets.push(Target::Cpu);
/// }
/// assert_eq!(targets.len(), cuda_devices().max(1));
/// ```
#[doc(alias = "torch.cuda.device_count")]
#[doc(alias = "torch.cuda.is_available")]
pub fn cuda_devices() -> usize {
    if Cuda::is_available() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 }
}

/// Layers up to the last frozen one, on one or more devices.
///
/// The devices share the images of a call. If a batch does not fit in memory, the batch size is
/// halved from then on.
#[doc(alias = "libtorch")]
#[doc(alias = "PyTorch")]
#[derive(Debug)]
pub struct TchBase {
    name: String,
    workers: Vec<Worker>,
    size: [usize; 2],
    /// Number of images per batch on each device. It decreases if a batch does not fit in memory.
    batch: Arc<AtomicUsize>,
}

/// Thread of a device, which lives as long as the base. Results that cuDNN finds for a layer are
/// cached for the thread that asked.
#[derive(Debug)]
struct Worker {
    tasks: Sender<Task>,
}

/// Preprocessed images, and the channel that receives their features.
struct Task {
    images: Vec<f32>,
    to: SyncSender<Result<Vec<f32>, VggError>>,
}

impl TchBase {
    /// Creates the layers of `config` up to the last frozen one, with these weights, on each of
    /// `targets`.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network, if a device does not exist,
    /// or if the weights do not fit in its memory.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration, or if `targets` is empty.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use vgg::{FrozenBase, VggConfig, Weights};
    /// use vgg_tch::{Options, Target, TchBase};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let engine = TchBase::new(&config, &weights, &[Target::Cpu], Options::default())?;
    /// let base = FrozenBase::with_engine(&config, &weights, Box::new(engine))?;
    /// assert_eq!(base.features(&vec![0.5; 2 * 32 * 32 * 3])?.len(), 2 * 16 * 16 * 64);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn new(
        config: &VggConfig,
        weights: &Weights,
        targets: &[Target],
        options: Options,
    ) -> Result<Self, VggError> {
        assert!(!targets.is_empty(), "a base needs a device");
        let name = name(targets, options);
        let gpus = cuda_devices();
        let usual = if targets.contains(&Target::Cpu) { 32 } else { 256 };
        let batch = Arc::new(AtomicUsize::new(options.batch.unwrap_or(usual).max(1)));
        Cuda::cudnn_set_benchmark(!options.deterministic);
        let mut workers = vec![];
        for &target in targets {
            let device = match target {
                Target::Cpu => Device::Cpu,
                Target::Cuda(number) if number < gpus => Device::Cuda(number),
                Target::Cuda(number) => {
                    let reason = format!("CUDA GPU {number} does not exist: libtorch finds {gpus}");
                    let hint = "use a lower GPU number, or the CPU";
                    return Err(VggError::Engine { engine: name, reason, hint });
                }
            };
            let network = Network::new(config, weights, device, options)?;
            let network = network.map_err(|error| failed(&name, &error))?;
            workers.push(Worker::start(network, config.image_size, name.clone(), batch.clone()));
        }
        Ok(Self { name, workers, size: config.image_size, batch })
    }
}

impl Worker {
    fn start(
        network: Network,
        [height, width]: [usize; 2],
        name: String,
        batch: Arc<AtomicUsize>,
    ) -> Self {
        let (to_worker, tasks) = channel();
        thread::spawn(move || {
            let image = height * width * 3;
            for Task { images, to } in tasks {
                let computed = in_batches(&batch, images.len() / image, |batch| {
                    let shape = [batch.len() as i64, height as i64, width as i64, 3];
                    network.run(&images[batch.start * image..batch.end * image], shape)
                });
                let values = computed.and_then(|parts| {
                    Ok(parts.iter().map(fetch).collect::<Result<Vec<_>, _>>()?.concat())
                });
                // The caller may have stopped waiting.
                _ = to.send(values.map_err(|error| failed(&name, &error)));
            }
        });
        Self { tasks: to_worker }
    }
}

/// Copies the values of a tensor from any device.
fn fetch(features: &Tensor) -> Result<Vec<f32>, TchError> {
    let mut values = vec![0.0; features.numel()];
    features.f_to_device(Device::Cpu)?.f_copy_data(&mut values, features.numel())?;
    Ok(values)
}

impl FrozenEngine for TchBase {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        self.batch.load(Ordering::Relaxed) * self.workers.len()
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        let image = self.size[0] * self.size[1] * 3;
        let share = (images.len() / image).div_ceil(self.workers.len()).max(1) * image;
        let under_way: Vec<_> = images
            .chunks(share)
            .zip(&self.workers)
            .map(|(images, worker)| {
                let (to, features) = sync_channel(1);
                let sent = worker.tasks.send(Task { images: images.to_vec(), to });
                sent.expect("the worker is running");
                features
            })
            .collect();
        let features = under_way.iter().map(|from| from.recv().expect("a worker answers"));
        Ok(features.collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// Calls `run` for `count` images in batches of at most `most`. If a batch does not fit in memory,
/// the batch size is halved from then on.
fn in_batches<T>(
    most: &AtomicUsize,
    count: usize,
    mut run: impl FnMut(Range<usize>) -> Result<T, TchError>,
) -> Result<Vec<T>, TchError> {
    let mut computed = vec![];
    let mut start = 0;
    while start < count {
        let end = count.min(start + most.load(Ordering::Relaxed));
        match run(start..end) {
            Ok(features) => {
                computed.push(features);
                start = end;
            }
            Err(error) if is_out_of_memory(&error) && end - start > 1 => {
                let half = (end - start) / 2;
                most.fetch_min(half, Ordering::Relaxed);
                tracing::warn!("out of memory on the device: batch size is now {half} images");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(computed)
}

/// Returns the engine's name, which states everything that features depend on. The index of the GPU
/// is not part of it.
fn name(targets: &[Target], Options { precision, tf32, deterministic, .. }: Options) -> String {
    let is_cpu = targets.contains(&Target::Cpu);
    let mut name = String::from(if is_cpu { "libtorch" } else { "libtorch:cuda" });
    for (is_on, word) in
        [(true, precision.name()), (tf32, "tf32"), (deterministic, "deterministic")]
    {
        if is_on {
            name += " ";
            name += word;
        }
    }
    // On a CPU, libtorch selects its kernels by the instruction set.
    if is_cpu { engine_name(&name) } else { name }
}

/// Texts that libtorch, cuDNN and cuBLAS use for this error.
const OUT_OF_MEMORY: [&str; 4] =
    ["out of memory", "STATUS_ALLOC_FAILED", "can't allocate memory", "STATUS_NOT_ENOUGH_MEMORY"];

fn is_out_of_memory(error: &TchError) -> bool {
    let text = error.to_string();
    OUT_OF_MEMORY.iter().any(|said| text.contains(said))
}

/// Converts an error of libtorch. Uses only its first line, without the backtrace.
fn failed(engine: &str, error: &TchError) -> VggError {
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    let hint = if is_out_of_memory(error) {
        "stop other programs on the device, or use smaller images"
    } else {
        "check that the GPU driver supports this libtorch, or use the CPU engine"
    };
    VggError::Engine { engine: engine.to_owned(), reason, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        "CUDA out of memory. Tried to allocate 20.00 MiB.\nException raised from ...";

    #[test]
    fn batches_that_do_not_fit_in_memory_are_halved() {
        for room in [1, 3, 8, 100] {
            let most = AtomicUsize::new(16);
            let mut tried = 0;
            let batches = in_batches(&most, 21, |batch| {
                tried += 1;
                if batch.len() > room { Err(TchError::Torch(FULL.into())) } else { Ok(batch) }
            });
            let batches = batches.expect("one image always fits");
            assert!(batches.iter().cloned().flatten().eq(0..21), "{batches:?}");
            assert!(most.into_inner() <= 16 && tried <= batches.len() + 4, "{tried} {batches:?}");
        }
    }

    #[test]
    fn out_of_memory_on_one_image_and_other_faults_are_errors() {
        for (fault, hint) in [
            (FULL, "stop other programs"),
            ("CUDNN_STATUS_ALLOC_FAILED", "stop other programs"),
            ("no kernel image", "GPU driver"),
        ] {
            let most = AtomicUsize::new(4);
            let refused =
                in_batches(&most, 4, |_| -> Result<(), _> { Err(TchError::Torch(fault.into())) });
            let error = failed("libtorch:cuda f32", &refused.expect_err("a fault"));
            let text = error.to_string();
            assert!(error.hint().expect("a hint").contains(hint), "{text}");
            assert!(text.contains("`libtorch:cuda f32`") && text.lines().count() == 1, "{text}");
        }
    }
}
