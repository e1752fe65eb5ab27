//! Limits of a server, and the maximum memory that requests take within them.

use std::time::Duration;

/// Minimum transfer rate. A client that transfers fewer than `bytes` in a `window` is cut off.
#[doc(alias = "slowloris")]
#[doc(alias = "bandwidth")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinRate {
    /// Minimum number of bytes in each window.
    pub bytes: usize,
    /// Length of a window. The first window begins when the server first waits for the client.
    pub window: Duration,
}

/// Limits of a server. The defaults suit photos on one computer or in a home network.
///
/// # Shares
///
/// Clients share [`room`](Self::room) and [`connections`](Self::connections). A request for an amount is refused, not
/// queued, unless
///
/// ```text
/// held + amount <= free - amount,  or  held = 0 and amount <= free
/// ```
///
/// `held` is the amount that the client has, and `free` is the amount that no client has. A single client therefore
/// gets half (dynamic thresholds: Choudhury and Hahne, 1998).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use serve::{Limits, MinRate};
///
/// let limits = Limits {
///     body: 8_000_000,
///     files: 4,
///     pixels: 25_000_000,
///     upload: MinRate { bytes: 100_000, window: Duration::from_secs(5) }, // 20 kB/s
///     ..Limits::default()
/// };
/// assert_eq!(limits.connections, 512);
/// ```
#[doc(alias = "rate limit")]
#[doc(alias = "timeout")]
#[doc(alias = "quota")]
#[doc(alias = "denial of service")]
#[doc(alias = "max upload size")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum bytes of a request body.
    pub body: usize,
    /// Maximum number of images in a request.
    pub files: usize,
    /// Maximum pixels of an image, as its header declares them. An image is also refused if decoding it takes more than
    /// 10 bytes for each of these pixels plus 16 MB.
    pub pixels: u64,
    /// Maximum pixels of all images of a request together.
    pub request_pixels: u64,
    /// Maximum bytes that all requests hold at once: bodies as they arrive, images at the model's size, and responses
    /// until they are sent. A client that holds as much as remains free gets no more. [`least_room`](Self::least_room)
    /// is the minimum. The default is 256 MB, or the minimum if that is larger.
    pub room: Option<usize>,
    /// Maximum bytes of a request header, at least 8192.
    pub header: usize,
    /// Maximum bytes of a file name in a form.
    pub name: usize,
    /// Maximum number of connections at once; further ones wait to be accepted. A client that holds as many as remain
    /// free gets no more.
    pub connections: usize,
    /// Number of threads that decode images, in addition to one for large images.
    pub decoders: usize,
    /// Time limit for a request header, from when the server starts to wait for it. It also limits idle connections.
    pub header_time: Duration,
    /// Time limit for a request body, from its first read.
    pub body_time: Duration,
    /// Minimum rate at which a body must arrive.
    pub upload: MinRate,
    /// Time limit for a response, from when the body has arrived.
    pub answer_time: Duration,
    /// Minimum rate at which a client must read its response. It applies while the server waits to send.
    pub download: MinRate,
    /// Time limit for requests in progress once the server is told to stop.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // Leave one core to the model and the connections.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            body: 32_000_000,
            files: 32,
            // Phones take photos of up to 108 megapixels. To send one within `body_time` may need a fast network.
            pixels: 110_000_000,
            request_pixels: 440_000_000,
            room: None,
            header: 32 << 10,
            name: 1024,
            connections: 512,
            decoders: (cores - 1).clamp(1, 4),
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            upload: MinRate { bytes: 32_000, window: Duration::from_secs(5) },
            answer_time: Duration::from_secs(60),
            download: MinRate { bytes: 32_000, window: Duration::from_secs(10) },
            stop_time: Duration::from_secs(5),
        }
    }
}

/// Default of [`Limits::room`], unless a model needs more.
const ROOM: usize = 256_000_000;

/// Bytes that decoding may take for each allowed pixel. JPEG files of phones take 8 to 9, and PNG files of 8 bits take
/// 8.
const BYTES_A_PIXEL: u64 = 10;

/// Maximum bytes for decoding a small image. A 12-megapixel photo of a phone takes about 110 MB.
const SMALL: u64 = 160_000_000;

/// Bytes that decoders allocate for an image of any size.
const DECODER: u64 = 16_000_000;

/// Maximum number of connections at once that receive a refusal before they are closed.
pub(crate) const REFUSED: usize = 64;

/// Bytes of a connection's task, not counting its read and write buffers.
const CONNECTION: u64 = 32 << 10;

/// Bytes of an image's name and of the description of its fault.
const FILE: usize = 16 << 10;

/// Bytes of a number as JSON, including its separator.
const NUMBER: usize = 26;

/// Bytes of a number while it is converted to JSON.
const VALUE: usize = 100;

/// Sizes of a model's input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModelSize {
    /// Number of pixels of the input.
    pub(crate) pixels: usize,
    /// Bytes of the class names as JSON, with a probability for each.
    pub(crate) classes: usize,
}

impl ModelSize {
    pub(crate) fn of(card: &model::ModelCard) -> Self {
        let [height, width] = card.base.image_size;
        // JSON escapes a byte with at most six.
        let classes = card.classes.iter().map(|class| 6 * class.len() + NUMBER + 4).sum();
        Self { pixels: height * width, classes }
    }

    /// Returns the bytes that an image holds until its response is sent: its pixels at the model's size, the heat map,
    /// and the response twice while it is assembled.
    pub(crate) fn held(self, wants_map: bool) -> usize {
        let values = if wants_map { self.pixels } else { 0 };
        FILE + 3 * self.pixels + 4 * values + 2 * (NUMBER * values + self.classes)
    }

    /// Returns the cost of converting a prediction to JSON, in the unit of [`LEAST_COST`](crate::workers::LEAST_COST).
    pub(crate) fn telling(self, wants_map: bool) -> u64 {
        (VALUE * if wants_map { self.pixels } else { 0 } + self.classes) as u64
    }
}

impl Limits {
    /// Returns the maximum bytes for decoding an image.
    pub(crate) fn decoding(&self) -> u64 {
        BYTES_A_PIXEL * self.pixels + DECODER
    }

    /// Returns the maximum bytes for decoding a small image.
    pub(crate) fn small(&self) -> u64 {
        SMALL.min(self.decoding())
    }

    /// Returns the maximum bytes that all requests hold at once.
    pub(crate) fn held(&self, model: ModelSize) -> usize {
        self.room.unwrap_or_else(|| ROOM.max(self.floor(model)))
    }

    /// Returns the bytes of two requests of the largest size. With less, a client that sends one could be refused even
    /// if it is alone.
    fn floor(&self, model: ModelSize) -> usize {
        2 * (self.body + self.files * model.held(true))
    }

    /// Returns the minimum [`room`](Self::room) for a server of the model: the bytes of two requests of the largest
    /// size.
    ///
    /// ```text
    /// least room = 2 * (body + files * image)
    /// image      = 16,384 + 59 * height * width + 2 * names
    /// names      = sum over all classes of (6 * bytes of the name + 30)
    /// ```
    ///
    /// Height and width are the size of the model's input. An image holds its pixels, its heat map, and its response
    /// twice while it is assembled.
    ///
    /// # Examples
    ///
    /// ```
    /// use serve::{Limits, ModelCard};
    ///
    /// # let last_layer = "block1_pool".into();
    /// # let base = vgg::VggConfig { image_size: [180, 180], last_layer, ..Default::default() };
    /// # let weights = vgg::Weights::seeded(&base, 1)?;
    /// # let head = head::HeadConfig::default();
    /// let card = ModelCard::new(base, &weights, head, vec!["cats".into(), "dogs".into()]);
    /// let limits = Limits { body: 8_000_000, files: 4, ..Limits::default() };
    /// let image = 16_384 + 59 * 180 * 180 + 2 * 2 * (6 * 4 + 30);
    /// assert_eq!(limits.least_room(&card), 2 * (8_000_000 + 4 * image)); // 31 MB
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn least_room(&self, card: &model::ModelCard) -> usize {
        self.floor(ModelSize::of(card))
    }

    /// Returns the maximum bytes of memory that all requests take together, not counting the model itself. The sum
    /// covers the buffers of all connections, [`room`](Self::room), one body that is moved as it grows, and the
    /// decoders.
    ///
    /// ```text
    /// memory   = buffers + room + body + decoders * small + decoding
    /// buffers  = connections * (2 * header + 32,768) + 64 * 32,768
    /// decoding = 10 * pixels + 16,000,000
    /// small    = max(min(160,000,000, decoding), 100 * height * width + names)
    /// ```
    ///
    /// [`least_room`](Self::least_room) defines height, width and names. Each thread in `decoders` decodes small
    /// images, and a single further thread decodes larger ones.
    ///
    /// # Examples
    ///
    /// ```
    /// use serve::{Limits, ModelCard};
    ///
    /// # let last_layer = "block1_pool".into();
    /// # let base = vgg::VggConfig { image_size: [180, 180], last_layer, ..Default::default() };
    /// # let weights = vgg::Weights::seeded(&base, 1)?;
    /// # let head = head::HeadConfig::default();
    /// # let card = ModelCard::new(base, &weights, head, vec!["cats".into(), "dogs".into()]);
    /// let limits = Limits { pixels: 25_000_000, decoders: 1, ..Limits::default() };
    /// let fewer = Limits { pixels: 12_000_000, ..limits.clone() };
    /// assert!(fewer.memory(&card) < limits.memory(&card));
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "peak memory")]
    #[doc(alias = "RAM")]
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
    fn decoders_leave_a_core_free() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoders = Limits::default().decoders;
        assert!(decoders == 1 || decoders < cores, "{decoders} of {cores}");
    }

    #[test]
    fn default_limits_allow_phone_photos_and_two_full_requests() {
        let limits = Limits::default();
        // A JPEG of 108 megapixels with chroma at half the resolution.
        assert!(108_000_000 <= limits.pixels && 108_000_000 * 9 <= limits.decoding());
        let model = ModelSize { pixels: 448 * 448, classes: 10_000 };
        let request = limits.body + limits.files * model.held(true);
        assert!(limits.held(model) >= 2 * request);
        assert!(limits.held(ModelSize { pixels: 1, classes: 1 }) == ROOM);
    }

    /// Checks the memory figures in the README.
    #[test]
    fn low_memory_settings_match_the_readme() {
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
