//! A test server, and a client that can send arbitrary bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use burn::tensor::Device;
use head::HeadConfig;
use image::{ImageFormat, Rgb, RgbImage};
use model::{
    Explainer, ModelCard, TrainableLayers, WeightsRecord, WeightsSearch, head_arrays, save_bundle,
};
use serde_json::Value;
use serve::{Limits, Running, Server};
use vgg::{FrozenBase, Pooling, Preprocessing, VggConfig, Weights};

/// Height and width of the model's input, in pixels.
pub(crate) const SIZE: [usize; 2] = [33, 40];

/// A server that stops at the end of the test.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    running: Option<Running>,
}

impl Served {
    pub(crate) fn new(limits: Limits) -> Self {
        let server =
            Server::bind(([127, 0, 0, 1], 0).into(), vec!["images.example".into()], limits);
        let server = server.expect("a free port");
        let address = server.address().expect("an address");
        let running = server.start("stripes", explainer()).expect("threads");
        Self { address, running: Some(running) }
    }

    /// Starts a server with memory for two requests of the largest size.
    pub(crate) fn with_least_room(limits: Limits) -> Self {
        let room = Some(limits.least_room(explainer().card()));
        Self::new(Limits { room, ..limits })
    }

    /// Opens a connection and sends bytes.
    pub(crate) fn connect(&self, sent: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("a server");
        stream.write_all(sent.as_ref()).expect("a server that reads");
        stream
    }

    /// Opens a connection from the local address 127.0.0.`number` and sends bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn connect_from(&self, number: u8, sent: impl AsRef<[u8]>) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let from = SocketAddr::from(([127, 0, 0, number], 0));
        socket.bind(&from.into()).expect("an address of this computer");
        socket.connect(&self.address.into()).expect("a server");
        let mut stream = TcpStream::from(socket);
        stream.write_all(sent.as_ref()).expect("a server that reads");
        stream
    }

    /// Sends a request that closes the connection, and returns the response.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        Answer::of(self.connect(request))
    }

    /// Sends a `GET` request and returns the response.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// Posts a body and returns the response.
    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        let header = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.ask([header.as_bytes(), body].concat())
    }

    /// Posts files as a form and returns the response.
    pub(crate) fn post_files(&self, path: &str, files: &[(&str, &[u8])]) -> Answer {
        self.post(path, "multipart/form-data; boundary=limit", &form(files))
    }

    pub(crate) fn stop(mut self) {
        self.running.take().expect("a server that runs").stop();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Response of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) header: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads until the connection ends for any reason. If nothing arrived, the status is 0.
    pub(crate) fn of(mut stream: TcpStream) -> Self {
        let mut bytes = vec![];
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let (header, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = header.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, header: header.to_ascii_lowercase(), body: body.into() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that the response is an error with this status, a message and a hint, and returns it.
    pub(crate) fn expect_refusal(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        let told = self.json();
        for part in ["error", "hint"] {
            assert!(told[part].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        self
    }
}

/// Returns the served model, which has 3 classes and a base of two convolutions.
pub(crate) fn explainer() -> Explainer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    save(folder.path());
    let search = WeightsSearch { named: None, folder: folder.path().join("nowhere") };
    Explainer::load(folder.path(), &search, &FrozenBase::new, &Device::flex()).expect("a model")
}

fn save(folder: &Path) {
    let base = VggConfig {
        image_size: SIZE,
        last_layer: "block1_pool".into(),
        pooling: Pooling::Average,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 4).expect("a network");
    let card = ModelCard {
        format: ModelCard::FORMAT,
        base,
        weights: WeightsRecord::of(&weights),
        preprocessing: Preprocessing::Caffe,
        head: HeadConfig { hidden_units: vec![5], dropout: 0.5, ..HeadConfig::default() },
        classes: ["along", "across", "<b>&"].map(String::from).into(),
        feature_scale: 1.0,
        threshold: 0.5,
        threshold_rule: None,
        temperature: 1.0,
        metrics: None,
        engines: vec![],
    };
    let device = Device::flex();
    let arrays = head_arrays(&card.head.init(64, card.classes.len(), 4, &device));
    let trainable =
        TrainableLayers::new(&card.base, &card.head, card.classes.len(), arrays, &device);
    save_bundle(folder, &card, &trainable.expect("all arrays")).expect("a writable folder");
}

/// Returns a form with these files. Its boundary is `limit`.
pub(crate) fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = vec![];
    for (name, content) in files {
        let header = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend([header.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(b"--limit--\r\n");
    body
}

/// Returns a PNG image of stripes.
pub(crate) fn image(number: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(50, 44, |x, y| {
        Rgb([(x * number) as u8, if y % 8 < 4 { 200 } else { 60 }, (number * 30) as u8])
    });
    let mut bytes = std::io::Cursor::new(vec![]);
    image.write_to(&mut bytes, ImageFormat::Png).expect("an image");
    bytes.into_inner()
}
