//! A TCP stream with a minimum write rate. If the client reads its response more slowly, writing fails with a timeout.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::MinRate;

pub(crate) struct RateLimitedStream {
    stream: TcpStream,
    pace: MinRate,
    /// End of the current window. A window starts when a write has to wait, and the last one ends once everything is
    /// written.
    window: Option<Pin<Box<Sleep>>>,
    /// Bytes written in the current window.
    in_window: usize,
}

impl RateLimitedStream {
    pub(crate) fn new(stream: TcpStream, pace: MinRate) -> Self {
        Self { stream, pace, window: None, in_window: 0 }
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Returns the outcome of a write, or a timeout error if too few bytes were written in a window.
    fn bounded(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = outcome {
            self.in_window += written.as_ref().copied().unwrap_or(0);
            return Poll::Ready(written);
        }
        loop {
            let window = self.window.get_or_insert_with(|| {
                self.in_window = 0;
                Box::pin(sleep(self.pace.window))
            });
            ready!(window.as_mut().poll(context));
            if self.in_window < self.pace.bytes {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.in_window = 0;
            window.as_mut().reset(Instant::now() + self.pace.window);
        }
    }
}

impl AsyncRead for RateLimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for RateLimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Everything is written: a connection flushes once it has nothing more to write.
        self.window = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
