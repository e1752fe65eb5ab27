//! The server: binds its address, starts and stops its threads, and accepts connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use model::Explainer;
use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::connection::{converse, refuse};
use crate::fair::queue;
use crate::hosts::Hosts;
use crate::inference::{Inference, answer_all};
use crate::limits::{ModelSize, REFUSED};
use crate::model_failure::ModelFailure;
use crate::predict::Predictor;
use crate::routes::{AppState, health};
use crate::shares::{Budget, Client};
use crate::{Limits, ServeError};

/// Pause before the next attempt to accept a connection if the system refuses one, as with too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Response to a client that holds its maximum share of the connections.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\nRetry-After: 1\r\nContent-Type: application/json\r\nContent-Length: 104\r\n\r\n\
    {\"error\":\"too many connections from your address\",\"hint\":\"close some of them, or try again in a second\"}";

/// A server that is bound to its address but has no model yet. Connections wait until it starts.
///
/// # Fairness
///
/// Requests wait in queues that serve clients in turn. Each item has a cost. The item with the earliest start is next
/// (start-time fair queueing: Goyal, Vin and Cheng, 1996):
///
/// ```text
/// start = max(start of the item in service when this one arrived, end of the client's previous item)
/// end   = start + cost
/// ```
///
/// | queue | cost |
/// | --- | --- |
/// | checking the files of a body | 50,000 + bytes / 4 |
/// | decoding an image | 50,000 + bytes that decoding takes, according to the header |
/// | running the model | 1, or 3 with a heat map |
/// | writing a prediction as JSON | 50,000 + bytes that its values and class names take |
///
/// A client is an IPv4 address or an IPv6 network (/64). [`Limits`] has the shares of connections and memory.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// use serve::{Limits, Server};
/// # use burn::tensor::Device;
/// # use model::{Explainer, HeadConfig, ModelCard, TrainableLayers, WeightsSearch, save_bundle};
/// # use vgg::{FrozenBase, Pooling, VggConfig, Weights};
/// #
/// # let folder = tempfile::tempdir()?;
/// # let (last_layer, pooling) = ("block1_pool".into(), Pooling::Average);
/// # let base = VggConfig { image_size: [32, 32], last_layer, pooling, ..VggConfig::default() };
/// # let weights = Weights::seeded(&base, 1)?;
/// # let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
/// # let layers = TrainableLayers::from_head(head.init(64, 2, 1, &Device::flex()), 64);
/// # let classes = ["cats", "dogs"].map(String::from).to_vec();
/// # save_bundle(folder.path(), &ModelCard::new(base, &weights, head, classes), &layers)?;
/// # let search = WeightsSearch { named: None, folder: folder.path().into() };
/// # let make_base = &FrozenBase::new;
/// # let explainer = Explainer::load(folder.path(), &search, make_base, &Device::flex())?;
/// # let mut image = std::io::Cursor::new(vec![]);
/// # image::RgbImage::new(40, 30).write_to(&mut image, image::ImageFormat::Png)?;
/// # let image = image.into_inner();
/// // `explainer` has the classes `cats` and `dogs`, and `image` is the content of an image file.
/// let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], Limits::default())?;
/// let mut stream = TcpStream::connect(server.address()?)?;
/// let running = server.start("cats and dogs", explainer)?;
///
/// write!(stream, "POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")?;
/// write!(stream, "Content-Length: {}\r\n\r\n", image.len())?;
/// stream.write_all(&image)?;
/// let mut response = String::new();
/// stream.read_to_string(&mut response)?;
/// drop(stream);
/// assert!(response.starts_with("HTTP/1.1 200 OK\r\n"));
/// assert!(response.contains(r#""class":"#) && response.contains(r#""probabilities":{"cats":"#));
/// running.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "inference server")]
#[doc(alias = "model serving")]
#[doc(alias = "HTTP API")]
#[doc(alias = "REST API")]
#[doc(alias = "web page")]
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    hosts: Hosts,
    limits: Limits,
}

/// A running server, with its own threads. Dropping it stops the server too, but does not wait for requests.
#[derive(Debug)]
pub struct Running {
    stopping: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Listens on `address`; with port 0 the system chooses a port. Requests must be for `localhost`, for the address
    /// that they arrived at or for one of `hosts`. All others are refused.
    ///
    /// # Errors
    ///
    /// Returns an error if the address is in use or does not belong to this computer, or if one of `hosts` is not a
    /// host name.
    ///
    /// # Examples
    ///
    /// ```
    /// use serve::{Limits, ServeError, Server};
    ///
    /// let hosts = vec!["images.example".into()];
    /// let server = Server::bind(([127, 0, 0, 1], 0).into(), hosts, Limits::default())?;
    /// let address = server.address()?;
    /// assert_ne!(address.port(), 0); // chosen by the system
    ///
    /// let second = Server::bind(address, vec![], Limits::default());
    /// assert!(matches!(second, Err(ServeError::InUse(_))));
    /// # Ok::<(), serve::ServeError>(())
    /// ```
    #[doc(alias = "listen")]
    #[doc(alias = "port")]
    #[doc(alias = "virtual host")]
    pub fn bind(
        address: SocketAddr,
        hosts: Vec<String>,
        limits: Limits,
    ) -> Result<Self, ServeError> {
        let hosts = Hosts::new(hosts)?;
        let listener = TcpListener::bind(address).map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => ServeError::InUse(address),
            _ => ServeError::Listen { address, reason },
        })?;
        Ok(Self { listener, hosts, limits })
    }

    /// Returns the address that the server listens on, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// Returns an error if the system can't report the address.
    #[doc(alias = "local_addr")]
    #[doc(alias = "port")]
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        Ok(self.listener.local_addr()?)
    }

    /// Starts to answer requests with the predictions of `explainer`. `name` is the name of the model, which everyone
    /// who reaches the server can read.
    ///
    /// # Errors
    ///
    /// Returns an error if [`Limits::room`] is below [`Limits::least_room`], or if the system can't start a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    ///
    /// use serve::{Limits, Server};
    /// # use burn::tensor::Device;
    /// # use model::{Explainer, HeadConfig, ModelCard, TrainableLayers, WeightsSearch, save_bundle};
    /// # use vgg::{FrozenBase, Pooling, VggConfig, Weights};
    /// #
    /// # let folder = tempfile::tempdir()?;
    /// # let (last_layer, pooling) = ("block1_pool".into(), Pooling::Average);
    /// # let base = VggConfig { image_size: [32, 32], last_layer, pooling, ..VggConfig::default() };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
    /// # let layers = TrainableLayers::from_head(head.init(64, 2, 1, &Device::flex()), 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # save_bundle(folder.path(), &ModelCard::new(base, &weights, head, classes), &layers)?;
    /// # let search = WeightsSearch { named: None, folder: folder.path().into() };
    /// # let make_base = &FrozenBase::new;
    /// # let explainer = Explainer::load(folder.path(), &search, make_base, &Device::flex())?;
    /// // `explainer` has the classes `cats` and `dogs`.
    /// let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], Limits::default())?;
    /// let mut stream = TcpStream::connect(server.address()?)?;
    /// let running = server.start("cats and dogs", explainer)?;
    ///
    /// write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    /// let mut response = String::new();
    /// stream.read_to_string(&mut response)?;
    /// drop(stream);
    /// assert!(response.contains(r#""classes":["cats","dogs"]"#));
    /// running.stop();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "run")]
    #[doc(alias = "listen")]
    pub fn start(self, name: &str, explainer: Explainer) -> Result<Running, ServeError> {
        let least = self.limits.least_room(explainer.card());
        if let Some(given) = self.limits.room.filter(|given| *given < least) {
            return Err(ServeError::Room { given, least });
        }
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        self.listener.set_nonblocking(true)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(self.listener)?
        };
        let card = Arc::new(explainer.card().clone());
        let (asks, questions) = queue();
        let explain = move |images: &[&[u8]], wants_map| explain(&explainer, images, wants_map);
        thread::Builder::new()
            .name("model".into())
            .spawn(move || answer_all(&questions, explain))?;
        let memory = Budget::new(self.limits.held(ModelSize::of(&card)));
        let site = AppState {
            hosts: self.hosts,
            memory: memory.clone(),
            health: health(name, &card, &self.limits),
            predictor: Predictor::new(card, self.limits.clone(), memory, asks)?.into(),
            limits: self.limits,
        };
        let (stopping, stop) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("serve".into())
            .spawn(move || serve(runtime, listener, Arc::new(site), stop))?;
        Ok(Running { stopping, thread })
    }
}

impl Running {
    /// Stops accepting connections, waits up to [`Limits::stop_time`] for requests in progress, and returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::TcpStream;
    ///
    /// use serve::{Limits, Server};
    /// # use burn::tensor::Device;
    /// # use model::{Explainer, HeadConfig, ModelCard, TrainableLayers, WeightsSearch, save_bundle};
    /// # use vgg::{FrozenBase, Pooling, VggConfig, Weights};
    /// #
    /// # let folder = tempfile::tempdir()?;
    /// # let (last_layer, pooling) = ("block1_pool".into(), Pooling::Average);
    /// # let base = VggConfig { image_size: [32, 32], last_layer, pooling, ..VggConfig::default() };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
    /// # let layers = TrainableLayers::from_head(head.init(64, 2, 1, &Device::flex()), 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # save_bundle(folder.path(), &ModelCard::new(base, &weights, head, classes), &layers)?;
    /// # let search = WeightsSearch { named: None, folder: folder.path().into() };
    /// # let make_base = &FrozenBase::new;
    /// # let explainer = Explainer::load(folder.path(), &search, make_base, &Device::flex())?;
    /// let server = Server::bind(([127, 0, 0, 1], 0).into(), vec![], Limits::default())?;
    /// let address = server.address()?;
    /// let running = server.start("cats and dogs", explainer)?;
    /// assert!(TcpStream::connect(address).is_ok());
    /// running.stop();
    /// assert!(TcpStream::connect(address).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "shutdown")]
    #[doc(alias = "graceful shutdown")]
    pub fn stop(self) {
        self.stopping.send_replace(true);
        // If the thread panicked, the panic has been reported already.
        let _ = self.thread.join();
    }
}

fn serve(
    runtime: Runtime,
    listener: tokio::net::TcpListener,
    site: Arc<AppState>,
    mut stop: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let Limits { connections, stop_time, .. } = site.limits;
        let places = Arc::new(Semaphore::new(connections));
        let (stopping, of_connections) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, site, places.clone(), of_connections));
        // An error means that `Running` was dropped without a call of `stop`. The server stops then too.
        let _ = stop.wait_for(|stop| *stop).await;
        // Stop accepting before the open connections are told to close.
        accepting.abort();
        let _ = accepting.await;
        stopping.send_replace(true);
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        // Connections still open after this time are cut off.
        let _ = timeout(stop_time, places.acquire_many(all)).await;
    });
    // Ends the remaining tasks without waiting for images that are being decoded.
    runtime.shutdown_background();
}

async fn accept(
    listener: tokio::net::TcpListener,
    site: Arc<AppState>,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
) {
    let shares = Budget::new(site.limits.connections);
    let refused = Budget::new(REFUSED);
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let client = Client::of(peer.ip());
                let Some(share) = shares.take(client, 1) else {
                    tracing::debug!("{peer} has too many connections");
                    // If the client also holds too many refused connections, close this one without a response.
                    if let Some(share) = refused.take(client, 1) {
                        tokio::spawn(async move {
                            refuse(stream, TOO_MANY).await;
                            drop(share);
                        });
                    }
                    continue;
                };
                // Responses are small. Send them at once instead of collecting data (Nagle's algorithm).
                let _ = stream.set_nodelay(true);
                let (site, stop) = (site.clone(), stop.clone());
                tokio::spawn(async move {
                    converse(site, stream, stop).await;
                    drop((place, share));
                });
            }
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

fn explain(
    explainer: &Explainer,
    images: &[&[u8]],
    wants_map: bool,
) -> Result<Vec<Inference>, ModelFailure> {
    let answers = if wants_map {
        let explained = explainer.explain(images, None).map_err(Arc::new)?;
        let answer = |explained: model::Explanation| Inference {
            probabilities: explained.probabilities,
            heat_map: Some(explained.heat_map),
        };
        explained.into_iter().map(answer).collect()
    } else {
        let predicted = explainer.predict(images).map_err(Arc::new)?;
        let answer = |probabilities| Inference { probabilities, heat_map: None };
        predicted.into_iter().map(answer).collect()
    };
    Ok(answers)
}
