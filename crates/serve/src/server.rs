//! The server: where it listens, its threads, and how it ends.

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
use crate::limits::{ModelSize, REFUSED};
use crate::no_answer::NoAnswer;
use crate::predict::Predictor;
use crate::questions::{Answer, answer_all};
use crate::routes::{Site, health};
use crate::shares::{Budget, Client};
use crate::{Limits, ServeError};

/// Time to wait when the system gives no further connection, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The answer to a connection of a client that has as many as are left for others.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\nRetry-After: 1\r\nContent-Type: application/json\r\nContent-Length: 104\r\n\r\n\
    {\"error\":\"too many connections from your address\",\"hint\":\"close some of them, or try again in a second\"}";

/// A server that has its address, but no model yet: connections wait.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    hosts: Hosts,
    limits: Limits,
}

/// A server that answers, on threads of its own.
#[derive(Debug)]
pub struct Running {
    stopping: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Listens at `address`; with port 0 the system chooses one. Requests are for `localhost`, for the address
    /// that they came to, or for one of `hosts`, else they are refused.
    ///
    /// # Errors
    ///
    /// The address is in use or not of this computer, or one of `hosts` is no name.
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

    /// Returns the address that it listens at.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers with what `explainer` says from now on. `name` is what the model is called, which everyone who reaches the
    /// server may read.
    ///
    /// # Errors
    ///
    /// [`Limits::room`] is below [`Limits::least_room`], or the system gives no threads.
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
        let explain = move |pictures: &[&[u8]], wants_map| explain(&explainer, pictures, wants_map);
        thread::Builder::new()
            .name("model".into())
            .spawn(move || answer_all(&questions, explain))?;
        let memory = Budget::new(self.limits.held(ModelSize::of(&card)));
        let site = Site {
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
    /// Takes no further connections, lets the requests that are under way end for a while, and returns.
    pub fn stop(self) {
        self.stopping.send_replace(true);
        // Where it has panicked it has said so.
        let _ = self.thread.join();
    }
}

fn serve(
    runtime: Runtime,
    listener: tokio::net::TcpListener,
    site: Arc<Site>,
    mut stop: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let Limits { connections, stop_time, .. } = site.limits;
        let places = Arc::new(Semaphore::new(connections));
        let (stopping, of_connections) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, site, places.clone(), of_connections));
        // An error is that no one is left who could say so.
        let _ = stop.wait_for(|stop| *stop).await;
        // No further connections before those that there are hear of it.
        accepting.abort();
        let _ = accepting.await;
        stopping.send_replace(true);
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        // After that time those who are left are cut off.
        let _ = timeout(stop_time, places.acquire_many(all)).await;
    });
    // An image that is being decoded is not waited for.
    runtime.shutdown_background();
}

async fn accept(
    listener: tokio::net::TcpListener,
    site: Arc<Site>,
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
                    tracing::debug!("{peer} has as many connections as are left for others");
                    // A client with many of those too is cut off without an answer.
                    if let Some(share) = refused.take(client, 1) {
                        tokio::spawn(async move {
                            refuse(stream, TOO_MANY).await;
                            drop(share);
                        });
                    }
                    continue;
                };
                // Answers are small: none waits for the next.
                let _ = stream.set_nodelay(true);
                let (site, stop) = (site.clone(), stop.clone());
                tokio::spawn(async move {
                    converse(site, stream, stop).await;
                    drop((place, share));
                });
            }
            Err(error) => {
                tracing::warn!("can't take a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

fn explain(
    explainer: &Explainer,
    pictures: &[&[u8]],
    wants_map: bool,
) -> Result<Vec<Answer>, NoAnswer> {
    let answers = if wants_map {
        let explained = explainer.explain(pictures, None).map_err(Arc::new)?;
        let answer = |explained: model::Explanation| Answer {
            probabilities: explained.probabilities,
            heat_map: Some(explained.heat_map),
        };
        explained.into_iter().map(answer).collect()
    } else {
        let predicted = explainer.predict(pictures).map_err(Arc::new)?;
        let answer = |probabilities| Answer { probabilities, heat_map: None };
        predicted.into_iter().map(answer).collect()
    };
    Ok(answers)
}
