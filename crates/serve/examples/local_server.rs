//! Starts a server on a free port of this computer, and sends an image to it:
//!
//!     cargo run -p serve --example local_server
//!
//! The model is tiny and has random weights. `Explainer::load` also reads a trained model.

use std::error::Error;
use std::io::{Cursor, Read, Write, stdout};
use std::net::TcpStream;

use burn::tensor::Device;
use image::{ImageFormat, Rgb, RgbImage};
use model::{Explainer, FrozenBase, HeadConfig, ModelCard, TrainableLayers, VggConfig, Weights};
use model::{WeightsSearch, save_bundle};
use serve::{Limits, Server};

/// Saves a model for the classes `cats` and `dogs` in a temporary folder, and loads it.
fn explainer() -> Result<Explainer, Box<dyn Error>> {
    let (folder, device) = (tempfile::tempdir()?, Device::flex());
    let last_layer = "block2_pool".into();
    let base = VggConfig { image_size: [64, 64], last_layer, ..VggConfig::default() };
    let (weights, inputs) = (Weights::seeded(&base, 1)?, base.output_count()?);
    let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    let layers = TrainableLayers::from_head(head.init(inputs, 2, 1, &device), inputs);
    let card = ModelCard::new(base, &weights, head, vec!["cats".into(), "dogs".into()]);
    save_bundle(folder.path(), &card, &layers)?;
    let search = WeightsSearch { named: None, folder: folder.path().into() };
    Ok(Explainer::load(folder.path(), &search, &FrozenBase::new, &device)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], Limits::default())?;
    let address = server.address()?;
    let running = server.start("cats and dogs", explainer()?)?;

    let mut file = Cursor::new(vec![]);
    let image = RgbImage::from_fn(256, 192, |x, y| Rgb([x as u8, y as u8, 128]));
    image.write_to(&mut file, ImageFormat::Png)?;
    let file = file.into_inner();
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "POST /predict HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n")?;
    write!(stream, "Content-Length: {}\r\n\r\n", file.len())?;
    stream.write_all(&file)?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    drop(stream);
    running.stop();

    let (header, body) = response.split_once("\r\n\r\n").ok_or("the response is incomplete")?;
    let status = header.lines().next().unwrap_or_default();
    Ok(writeln!(stdout(), "POST http://{address}/predict\n{status}\n{body}")?)
}
