//! The limits of a server, and the memory that it takes at most within them.

use std::time::Duration;

/// A least rate: a client that moves fewer `bytes` in a `window` is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes in each window.
    pub bytes: usize,
    /// Length of a window. The first one begins when the client is first waited for.
    pub window: Duration,
}

/// The limits of a server. The defaults suit photographs on one computer, or in a house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Images of a request.
    pub files: usize,
    /// Pixels of an image, as its header declares them. An image that takes more than 10 bytes a pixel of this number
    /// to decode is refused too.
    pub pixels: u64,
    /// Pixels of all images of a request.
    pub request_pixels: u64,
    /// Bytes of all requests at once: bodies as they arrive, images of the model's size, answers until they are sent.
    /// A client that holds as much as is left for others gets no more. [`least_room`](Self::least_room) is the least;
    /// the default is 256 MB, or the least if that is more.
    pub room: Option<usize>,
    /// Bytes of a request's header, at least 8192.
    pub header: usize,
    /// Bytes of a file name in a form.
    pub name: usize,
    /// Connections at once; further ones wait to be accepted. A client that holds as many as are left for others gets
    /// no more.
    pub connections: usize,
    /// Threads that decode images, apart from one for large images.
    pub decoders: usize,
    /// Time limit for a request's header from when it is waited for, and so for an idle connection.
    pub header_time: Duration,
    /// Time limit for a request's body from when it is first read.
    pub body_time: Duration,
    /// Least rate at which a body arrives.
    pub upload: Pace,
    /// Time limit for an answer from when the body has arrived.
    pub answer_time: Duration,
    /// Least rate at which an answer is taken while it can't be sent at once.
    pub download: Pace,
    /// Time limit for requests that are under way once the server is to stop.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // One core is left to the model and to connections.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            body: 32_000_000,
            files: 32,
            // Phones take photographs of up to 108 megapixels; the network may have to be fast for `body_time`.
            pixels: 110_000_000,
            request_pixels: 440_000_000,
            room: None,
            header: 32 << 10,
            name: 1024,
            connections: 512,
            decoders: (cores - 1).clamp(1, 4),
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            upload: Pace { bytes: 32_000, window: Duration::from_secs(5) },
            answer_time: Duration::from_secs(60),
            download: Pace { bytes: 32_000, window: Duration::from_secs(10) },
            stop_time: Duration::from_secs(5),
        }
    }
}

/// Default of [`Limits::room`], unless a model needs more.
const ROOM: usize = 256_000_000;

/// Bytes that decoding may take for each pixel that an image may have: JPEG as phones write it takes 8 to 9, PNG of 8
/// bits takes 8.
const BYTES_A_PIXEL: u64 = 10;

/// Bytes that decoding a small image takes at most: a photograph of 12 megapixels from a phone takes some 110 MB.
const SMALL: u64 = 160_000_000;

/// Bytes that decoders set aside for an image of any size.
const DECODER: u64 = 16_000_000;

/// Connections at once that are told that there are too many and then closed.
pub(crate) const REFUSED: usize = 64;

/// Bytes of a connection's task, besides its buffers for reading and writing.
const CONNECTION: u64 = 32 << 10;

/// Bytes of an image's name and of what is said about a fault in it.
const FILE: usize = 16 << 10;

/// Bytes of a number as JSON, with what separates it from the next.
const NUMBER: usize = 26;

/// Bytes of a number while JSON is made of it.
const VALUE: usize = 100;

/// The size of what a model takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModelSize {
    /// Pixels of its input.
    pub(crate) pixels: usize,
    /// Bytes of its classes' names as JSON, with a probability each.
    pub(crate) classes: usize,
}

impl ModelSize {
    pub(crate) fn of(card: &model::ModelCard) -> Self {
        let [height, width] = card.base.size;
        // A character becomes six at most.
        let classes = card.classes.iter().map(|class| 6 * class.len() + NUMBER + 4).sum();
        Self { pixels: height * width, classes }
    }

    /// Bytes that an image holds from when it is read to when its answer is sent: its pixels of the model's size, the
    /// heat map, and the answer twice while it is put together.
    pub(crate) fn held(self, wants_map: bool) -> usize {
        let values = if wants_map { self.pixels } else { 0 };
        FILE + 3 * self.pixels + 4 * values + 2 * (NUMBER * values + self.classes)
    }

    /// Time to make an answer of a prediction, in the unit of [`LEAST_COST`](crate::workers::LEAST_COST).
    pub(crate) fn telling(self, wants_map: bool) -> u64 {
        (VALUE * if wants_map { self.pixels } else { 0 } + self.classes) as u64
    }
}

impl Limits {
    /// Bytes that decoding an image may take.
    pub(crate) fn decoding(&self) -> u64 {
        BYTES_A_PIXEL * self.pixels + DECODER
    }

    /// Bytes that decoding may take for an image that is not large.
    pub(crate) fn small(&self) -> u64 {
        SMALL.min(self.decoding())
    }

    /// Bytes that all requests may hold at once.
    pub(crate) fn held(&self, model: ModelSize) -> usize {
        self.room.unwrap_or_else(|| ROOM.max(self.floor(model)))
    }

    /// Bytes of two requests of the largest size: with less, a client that sends one may be refused although it is alone.
    fn floor(&self, model: ModelSize) -> usize {
        2 * (self.body + self.files * model.held(true))
    }

    /// Returns the least [`room`](Self::room) that a server of the model starts with: the bytes of two requests of the
    /// largest size.
    pub fn least_room(&self, card: &model::ModelCard) -> usize {
        self.floor(ModelSize::of(card))
    }

    /// Returns the bytes of memory that requests take at most, whatever is sent, besides the model's own: the buffers of
    /// all connections, [`room`](Self::room), a body that is moved as it grows, and what the decoders set aside.
    pub fn memory(&self, card: &model::ModelCard) -> u64 {
        self.memory_of(ModelSize::of(card))
    }

    fn memory_of(&self, model: ModelSize) -> u64 {
        let connections = self.connections as u64 * (2 * self.header as u64 + CONNECTION)
            + REFUSED as u64 * CONNECTION;
        let telling = model.telling(true);
        let decoding = self.decoders as u64 * self.small().max(telling) + self.decoding();
        connections + (self.held(model) + self.body) as u64 + decoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_leave_a_core_to_the_model_and_to_connections() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoders = Limits::default().decoders;
        assert!(decoders == 1 || decoders < cores, "{decoders} of {cores}");
    }

    #[test]
    fn a_photograph_of_a_phone_is_within_the_limits_and_two_of_the_longest_requests_are() {
        let limits = Limits::default();
        // 108 megapixels of JPEG with colour of half the resolution.
        assert!(108_000_000 <= limits.pixels && 108_000_000 * 9 <= limits.decoding());
        let model = ModelSize { pixels: 448 * 448, classes: 10_000 };
        let request = limits.body + limits.files * model.held(true);
        assert!(limits.held(model) >= 2 * request);
        assert!(limits.held(ModelSize { pixels: 1, classes: 1 }) == ROOM);
    }

    /// The README says what these take.
    #[test]
    fn a_server_of_little_memory_takes_what_the_readme_says() {
        let limits = Limits {
            body: 16_000_000,
            files: 4,
            pixels: 25_000_000,
            room: Some(64_000_000),
            decoders: 1,
            ..Limits::default()
        };
        let model = ModelSize { pixels: 224 * 224, classes: 10_000 };
        assert!(limits.floor(model) <= 64_000_000, "{} bytes", limits.floor(model));
        let bound = limits.memory_of(model);
        assert!((550_000_000..600_000_000).contains(&bound), "{bound} bytes");
        let with_another = Limits { decoders: 2, ..limits }.memory_of(model);
        assert_eq!(with_another - bound, SMALL);
    }
}
