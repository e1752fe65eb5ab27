//! Serves one connection from its first to its last byte.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::rate_limited_stream::RateLimitedStream;
use crate::routes::AppState;
use crate::shares::Client;

/// Time limit for discarding data that a client sends after the last response.
const LINGER: Duration = Duration::from_secs(2);

/// Maximum number of bytes discarded after the last response.
const PASSED_OVER: usize = 16 << 20;

/// Answers the requests on a connection until it ends. Once `stopping` is true, the request in progress is the last.
pub(crate) async fn converse(
    site: Arc<AppState>,
    stream: TcpStream,
    mut stopping: watch::Receiver<bool>,
) {
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let (local, client) = (local.ip().to_canonical(), Client::of(peer.ip()));
    let limits = site.limits.clone();
    let service = service_fn(move |request| {
        let site = site.clone();
        Box::pin(async move { Ok::<_, Infallible>(site.answer(request, local, client).await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header)
        .serve_connection(TokioIo::new(RateLimitedStream::new(stream, limits.download)), service);
    {
        let mut stop = pin!(stopping.wait_for(|stopping| *stopping));
        let mut is_told = false;
        let ended = poll_fn(|context| {
            if !is_told && stop.as_mut().poll(context).is_ready() {
                is_told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(context)
        });
        if let Err(error) = ended.await {
            tracing::debug!("a connection ended: {error}");
            // A malformed header has been answered already. After any other error no response is sent.
            if !error.is_parse() {
                return;
            }
        }
    }
    let stream = connection.into_parts().io.into_inner().into_stream();
    // Errors and timeouts while closing do not matter.
    let _ = timeout(LINGER, close(stream)).await;
}

/// Sends a response before any request is read, and closes the connection.
pub(crate) async fn refuse(stream: TcpStream, answer: &[u8]) {
    let told = async {
        stream.writable().await?;
        // The empty send buffer of a new connection holds the whole response.
        stream.try_write(answer)?;
        close(stream).await
    };
    // Errors and timeouts while closing do not matter.
    let _ = timeout(LINGER, told).await;
}

/// Closes a connection so that a client that is still sending receives the last response. Closing it with unread bytes
/// would reset it, and the client would lose the data that it has not read yet.
async fn close(mut stream: TcpStream) -> std::io::Result<()> {
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await?;
    let mut buffer = vec![0; 1 << 14];
    let mut passed_over = 0;
    while passed_over < PASSED_OVER {
        let mut read = ReadBuf::new(&mut buffer);
        // Ready reads count against the task budget of the runtime, so other tasks get their turn.
        poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut read)).await?;
        match read.filled().len() {
            0 => break,
            length => passed_over += length,
        }
    }
    Ok(())
}
