//! Prediction requests, sent to a server in this process.

use std::error::Error;
use std::io::{Cursor, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use burn::tensor::Device;
use head::HeadConfig;
use image::{ImageFormat, RgbImage};
use model::{
    Explainer, ModelCard, TrainableLayers, WeightsRecord, WeightsSearch, head_arrays, save_bundle,
};
use serve::{Limits, MinRate, Running, Server};
use vgg::{FrozenBase, VggConfig, Weights};

/// Time after which the server gives up on an incomplete request.
const SOON: Duration = Duration::from_millis(50);

/// Timeout for a response, longer than any request takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Number of panics outside decoders. Panics of decoders are caught.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts a panic. Called by the panic hook.
pub(crate) fn count_panic() {
    if !photos::is_decoding() {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns true if the server responds to the request with predictions.
///
/// # Errors
///
/// Returns an error if the server can't be reached, or if it neither responds nor closes the connection.
///
/// # Panics
///
/// Panics if the server does.
pub(crate) fn is_answered(request: &[u8]) -> Result<bool, Box<dyn Error>> {
    static SERVER: OnceLock<(SocketAddr, Running)> = OnceLock::new();
    let (server, _) = match SERVER.get() {
        Some(server) => server,
        None => {
            let server = start()?;
            SERVER.get_or_init(|| server)
        }
    };
    let panics = PANICS.load(Ordering::Relaxed);
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // The server may close the connection before the request is complete.
    let _ = stream.write_all(request);
    let mut answer = vec![];
    if let Err(error) = stream.read_to_end(&mut answer)
        && error.kind() == std::io::ErrorKind::WouldBlock
    {
        return Err("the server neither answers nor closes the connection".into());
    }
    let _ = stream.shutdown(Shutdown::Both);
    assert!(PANICS.load(Ordering::Relaxed) == panics, "the server panics");
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// Starts a server with a small model. It runs until the process ends.
fn start() -> Result<(SocketAddr, Running), Box<dyn Error>> {
    let limits = Limits {
        pixels: 1_000_000,
        header_time: SOON,
        body_time: SOON,
        upload: MinRate { bytes: 0, window: PATIENCE },
        ..Limits::default()
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], limits)?;
    let address = server.address()?;
    let folder = tempfile::tempdir()?;
    let base = VggConfig {
        image_size: [32, 32],
        last_layer: "block1_pool".into(),
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 0)?;
    let card = ModelCard {
        format: ModelCard::FORMAT,
        preprocessing: weights.preprocessing(),
        weights: WeightsRecord::of(&weights),
        base,
        head: HeadConfig { hidden_units: vec![4], ..HeadConfig::default() },
        classes: ["cats", "dogs", "birds"].map(String::from).into(),
        feature_scale: 1.0,
        threshold: 0.5,
        threshold_rule: None,
        temperature: 1.0,
        metrics: None,
        engines: vec![],
    };
    let device = Device::flex();
    let inputs = card.base.output_count()?;
    let arrays = head_arrays(&card.head.init(inputs, card.classes.len(), 0, &device));
    let trainable =
        TrainableLayers::new(&card.base, &card.head, card.classes.len(), arrays, &device)?;
    save_bundle(folder.path(), &card, &trainable)?;
    let search = WeightsSearch { named: None, folder: folder.path().join("nowhere") };
    let explainer = Explainer::load(folder.path(), &search, &FrozenBase::new, &device)?;
    Ok((address, server.start("small", explainer)?))
}

/// Returns valid requests: an image as the body, a chunked body, and a form, with and without a heat map.
pub(crate) fn whole() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut png = Cursor::new(vec![]);
    RgbImage::from_fn(8, 6, |x, y| image::Rgb([x as u8 * 30, y as u8 * 40, 9]))
        .write_to(&mut png, ImageFormat::Png)?;
    let png = png.into_inner();
    let header = |path: &str, rest: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}\r\n\r\n")
            .into_bytes()
    };
    let with_length = |path: &str, kind: &str, body: &[u8]| {
        let rest = format!("Content-Type: {kind}\r\nContent-Length: {}", body.len());
        [&header(path, &rest)[..], body].concat()
    };
    let (first, rest) = png.split_at(40);
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let mut form = vec![];
    for name in ["a.png", "b; \\\"c%22.png"] {
        let header = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
        );
        form.extend([header.as_bytes(), &png, b"\r\n"].concat());
    }
    form.extend(b"--limit--\r\n");
    Ok(vec![
        with_length("/predict", "image/png", &png),
        with_length("/predict?heat_map=true", "multipart/form-data; boundary=limit", &form),
        [
            &header("/predict", "Transfer-Encoding: chunked")[..],
            &chunk(first),
            &chunk(rest),
            b"0\r\n\r\n",
        ]
        .concat(),
    ])
}
