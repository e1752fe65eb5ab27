//! `permafrost serve`: serves a page that classifies dropped images, and an HTTP API for programs.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Component, Path};
use std::process::ExitCode;

use clap::Args;
use model::Explainer;
use quoting::Shown;
use serve::{Limits, Server};

use crate::arguments::ModelArguments;
use crate::device::DeviceArguments;
use crate::interrupt;
use crate::printed::{stderr, stdout};

/// Serve a web page for predictions, and `POST /predict`
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost serve runs/train/best
  permafrost serve runs/train/best --port 9000 --max-mb 64
  permafrost serve runs/train/best --host 0.0.0.0 --allow-host photos.example")]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
    /// Port to listen on; 0 selects a free port
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Address to listen on
    ///
    /// On any address but the loopback address, everyone who reaches this computer can send images. All visitors through
    /// a reverse proxy count as one client.
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// Also accept requests for this host name
    ///
    /// `localhost` and the addresses of this computer are always accepted. Requests for other hosts are refused.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Size limit of a request in MB
    #[arg(long, value_name = "MEGABYTES", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_mb: u16,
    /// Maximum number of images per request
    #[arg(long, value_name = "IMAGES", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_files: u16,
    /// Size limit of an image in megapixels; decoding takes up to 10 bytes per pixel
    #[arg(long, value_name = "MEGAPIXELS", default_value_t = 110, value_parser = clap::value_parser!(u16).range(1..=134))]
    max_megapixels: u16,
    /// Size limit of all images of a request in megapixels [default: four times --max-megapixels]
    #[arg(long, value_name = "MEGAPIXELS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_request_megapixels: Option<u32>,
    /// Memory limit of all requests together in MB [default: 256, or more if two of the largest requests need more]
    ///
    /// Images that are being decoded do not count.
    #[arg(long, value_name = "MEGABYTES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_memory_mb: Option<u32>,
}

pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let ServeArguments { host, port, max_mb, max_files, max_megapixels, .. } = arguments;
    let pixels = u64::from(*max_megapixels) * 1_000_000;
    let request_pixels = arguments.max_request_megapixels;
    let limits = Limits {
        body: usize::from(*max_mb) * 1_000_000,
        files: (*max_files).into(),
        pixels,
        request_pixels: request_pixels.map_or(4 * pixels, |most| u64::from(most) * 1_000_000),
        room: arguments.max_memory_mb.map(|most| most as usize * 1_000_000),
        ..Limits::default()
    };
    // Bind first, so that a port in use is reported before the model is loaded.
    let server = Server::bind((*host, *port).into(), arguments.allow_host.clone(), limits)?;
    let devices = arguments.device.open()?;
    let ModelArguments { model, .. } = &arguments.model;
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let explainer =
        Explainer::load(model, &arguments.model.search(), &make_base, devices.tensors())?;
    // Prepare the engine now, so that the first request does not wait for it.
    explainer.base().make_ready();
    let interrupted = interrupt::token()?;
    let address = server.address()?;
    let running = server.start(&name_of(model), explainer)?;
    if !host.is_loopback() {
        writeln!(
            stderr(),
            "warning: anyone who can reach this computer at {address} can send images and see predictions, without encryption or authentication\nhint: omit `--host` to serve only this computer"
        )?;
    }
    writeln!(stdout(), "Serving {} on http://{address}/ (Ctrl-C stops)", model.shown())?;
    interrupt::wait_for(&interrupted);
    running.stop();
    Ok(ExitCode::SUCCESS)
}

/// Returns the name of the model that visitors see: the name of its folder or, if that is `best` or `last`, of its run.
/// It must not reveal a path of this computer.
fn name_of(model: &Path) -> String {
    let whole = model.canonicalize().unwrap_or_else(|_| model.to_owned());
    let mut names = whole.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let name = names.next().unwrap_or_default();
    let run = if matches!(&*name, "best" | "last") { names.next() } else { None };
    run.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_name_is_its_folder_or_run_name() {
        for (model, expected) in [
            ("/home/somebody/runs/pets/best", "pets"),
            ("runs/pets/last", "pets"),
            ("/home/somebody/bundle/", "bundle"),
            ("best", "best"),
        ] {
            assert_eq!(name_of(Path::new(model)), expected);
        }
    }
}
