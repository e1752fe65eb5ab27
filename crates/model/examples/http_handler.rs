//! HTTP handler that answers a posted image with its class and probabilities, as JSON. The program sends one request to
//! itself and prints the response.
//!
//!     cargo run -p model --example http_handler

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write, stdout};
use std::net::{TcpListener, TcpStream};

use burn::tensor::Device;
use model::{Classifier, FrozenBase, HeadConfig, ModelCard, TrainableLayers, VggConfig, Weights};
use photos::Pixels;
use serde_json::{Value, json};

/// Creates a classifier with random weights. `Classifier::load` reads a trained one.
fn classifier() -> Result<Classifier, Box<dyn Error>> {
    let config = VggConfig { image_size: [32, 32], ..VggConfig::default() };
    let weights = Weights::seeded(&config, 1)?;
    let base = FrozenBase::new(&config, &weights)?;
    let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    let inputs = base.feature_count();
    let layers = TrainableLayers::from_head(head.init(inputs, 2, 1, &Device::flex()), inputs);
    let card = ModelCard::new(config, &weights, head, vec!["cats".into(), "dogs".into()]);
    Ok(Classifier::new(card, base, layers)?)
}

/// Returns the prediction for an image file. An asynchronous server calls this on a thread for blocking work.
fn predict(classifier: &Classifier, file: &[u8]) -> Result<Value, Box<dyn Error>> {
    let (card, image) = (classifier.card(), Pixels::decode(file, classifier.base().size(), None)?);
    let probabilities = classifier.predict(&[image])?.remove(0);
    let class = &card.classes[card.decide(&probabilities)];
    Ok(json!({"class": class, "probabilities": card.by_class(&probabilities)}))
}

/// Answers a request of at most 32 MB, whose body is an image file.
fn answer(classifier: &Classifier, mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut request = BufReader::new(&stream).take(32_000_000);
    let header = request.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let length = header
        .filter_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
        .last();
    let mut file = vec![];
    request.take(length.unwrap_or(0)).read_to_end(&mut file)?;
    let (status, json) = match predict(classifier, &file) {
        Ok(json) => ("200 OK", json),
        Err(error) => ("422 Unprocessable Content", json!({"error": error.to_string()})),
    };
    Ok(writeln!(stream, "HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{json}")?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (classifier, listener) = (classifier()?, TcpListener::bind("127.0.0.1:0")?);
    let gif =
        b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    write!(client, "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", gif.len())?;
    client.write_all(gif)?;
    answer(&classifier, listener.accept()?.0)?; // a server does this in a loop
    Ok(io::copy(&mut client, &mut stdout()).map(drop)?)
}
