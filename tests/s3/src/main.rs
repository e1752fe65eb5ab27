//! S3 server on this machine that serves a folder, whose subfolders are the buckets. It checks signatures against
//! AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in its environment.
//!
//! On demand it fails randomly, is slow, or both. The first line that it prints is its address. Each further line is a
//! request and its outcome.

mod faults;

use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use faults::{Faults, Pace};

#[derive(Parser)]
struct Arguments {
    /// Folder whose subfolders are the buckets
    folder: PathBuf,
    /// Port on 127.0.0.1; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Fraction of requests that fail
    #[arg(long, default_value_t = 0.0)]
    fail: f64,
    /// Random seed of the failures
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Delay of every request in milliseconds
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Throughput of all requests together in megabytes per second
    #[arg(long)]
    mb_per_second: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    Runtime::new()?.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let folder = FileSystem::new(&arguments.folder).map_err(|error| format!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(folder);
    let [key, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(env::var);
    builder.set_auth(SimpleAuth::from_single(key?, secret?));
    let faults = Arc::new(Faults::new(
        builder.build(),
        arguments.fail,
        arguments.seed,
        Duration::from_millis(arguments.latency_ms),
        arguments.mb_per_second.map(Pace::new),
    ));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // An answer is written in two parts. Without this, the second would wait until the first is acknowledged.
        stream.set_nodelay(true)?;
        let faults = faults.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| faults.answer(request));
            // A client that is gone, or that was disconnected on purpose, gets no message.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
