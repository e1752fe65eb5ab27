//! Reads and checks the headers of a JPEG file before anything is decoded.
//!
//! The headers tell which files the fast decoder decodes correctly and which files are not supported. The check also
//! finds damage that decoders overlook: a missing end, and restart markers that are missing or out of order.
//!
//! Source: ITU-T T.81, annex B. The color space follows `default_decompress_parms` in libjpeg's `jdapimin.c`.

use std::ops::Range;

use super::segments::{END, RESTART_INTERVAL, SCAN, Segment, Segments, intervals};
use crate::decode_error::{DecodeError, cut_short, damaged, invalid, unread};
use crate::size::check_size;

/// Maximum number of scans in a file. Encoders write about ten. Every scan costs time for each block of the image,
/// however short the scan is.
const MAX_SCANS: usize = 100;

/// Coding of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Sequential,
    Progressive,
}

/// Component of a frame: a color channel with its own resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factors, 1 to 4.
    pub(super) sampling: [usize; 2],
    /// Index of its quantization table, 0 to 3.
    pub(super) table: usize,
}

/// Frame header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) coding: Coding,
    /// Width and height in pixels.
    pub(super) size: [usize; 2],
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Reads the frame header of the file `bytes`, which precedes the first scan.
    pub(super) fn first(bytes: &[u8]) -> Result<Self, DecodeError> {
        let before_scan = Segments::of(bytes).take_while(|segment| segment.marker != SCAN);
        before_scan
            .filter(|segment| is_frame(segment.marker))
            .map(|segment| Self::parse(segment.marker, segment.content))
            .next()
            .unwrap_or_else(|| Err(damaged("it has no frame header")))
    }

    fn parse(marker: u8, content: &[u8]) -> Result<Self, DecodeError> {
        let coding = match marker {
            0xc0 | 0xc1 => Coding::Sequential,
            0xc2 => Coding::Progressive,
            0xc3 | 0xc7 | 0xcb | 0xcf => return Err(kind("lossless")),
            0xc9 | 0xca => return Err(kind("arithmetic-coded")),
            _ => return Err(kind("hierarchical")),
        };
        let [precision, height_high, height_low, width_high, width_low, count, rest @ ..] = content
        else {
            return Err(damaged("its frame header is truncated"));
        };
        if *precision != 8 {
            return Err(kind(&format!("{precision}-bit")));
        }
        let [width, height] = [[width_high, width_low], [height_high, height_low]]
            .map(|[high, low]| u16::from_be_bytes([*high, *low]));
        if height == 0 {
            return Err(unread("its height is after its first scan (DNL)"));
        }
        check_size(width.into(), height.into())?;
        if rest.len() != 3 * usize::from(*count) {
            return Err(damaged("its frame header is truncated"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(invalid(format!("it has {count} color channels, expected 1, 3 or 4")));
        }
        let components: Vec<Component> = rest
            .as_chunks()
            .0
            .iter()
            .map(|&[id, sampling, table]| Component {
                id,
                sampling: [sampling >> 4, sampling & 15].map(usize::from),
                table: table.into(),
            })
            .collect();
        let frame = Self { coding, size: [width, height].map(usize::from), components };
        let most = frame.most_sampling();
        for (at, component) in frame.components.iter().enumerate() {
            let [across, down] = component.sampling;
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) || component.table > 3 {
                return Err(damaged("its frame header is invalid"));
            }
            if !most[0].is_multiple_of(across) || !most[1].is_multiple_of(down) {
                let [most_across, most_down] = most;
                return Err(kind(&format!(
                    "fractionally sampled ({across}x{down} of {most_across}x{most_down})"
                )));
            }
            if frame.components[..at].iter().any(|other| other.id == component.id) {
                return Err(damaged("two of its color channels have the same number"));
            }
        }
        Ok(frame)
    }

    /// Returns the largest horizontal and vertical sampling factors.
    pub(super) fn most_sampling(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            self.components.iter().map(|component| component.sampling[axis]).max().unwrap_or(1)
        })
    }

    /// Returns the number of minimum coded units across and down in a scan of several components.
    pub(super) fn units(&self) -> [usize; 2] {
        let most = self.most_sampling();
        [0, 1].map(|axis| self.size[axis].div_ceil(8 * most[axis]))
    }

    /// Returns the width and height of a component in samples.
    pub(super) fn samples(&self, component: &Component) -> [usize; 2] {
        let most = self.most_sampling();
        [0, 1].map(|axis| (self.size[axis] * component.sampling[axis]).div_ceil(most[axis]))
    }
}

/// Scan header.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// Index in the frame of each component in the scan, and the indices of its DC and AC Huffman tables.
    pub(super) components: Vec<[usize; 3]>,
    /// First and last coefficient, in zigzag order.
    pub(super) band: [usize; 2],
    /// Bit positions of the successive approximation, before and after the scan.
    pub(super) bits: [u8; 2],
}

impl Scan {
    pub(super) fn parse(content: &[u8], frame: &Frame) -> Result<Self, DecodeError> {
        let broken = || damaged("one of its scan headers is invalid");
        let (&count, rest) = content.split_first().ok_or_else(broken)?;
        let (components, rest) =
            rest.split_at_checked(2 * usize::from(count)).ok_or_else(broken)?;
        let &[first, last, bits] = rest.first_chunk().ok_or_else(broken)?;
        let mut scan = Self {
            components: vec![],
            band: [first, last].map(usize::from),
            bits: [bits >> 4, bits & 15],
        };
        for &[id, tables] in components.as_chunks().0 {
            let index = frame.components.iter().position(|component| component.id == id);
            let index = index.ok_or_else(broken)?;
            if scan.components.iter().any(|&[other, ..]| other == index) {
                return Err(broken());
            }
            scan.components.push([index, (tables >> 4).into(), (tables & 15).into()]);
        }
        let is_valid = !scan.components.is_empty()
            && match frame.coding {
                Coding::Sequential => true,
                // A progressive scan has either DC coefficients, or AC coefficients of one component.
                Coding::Progressive => {
                    let [first, last] = scan.band;
                    let is_dc = first == 0 && last == 0;
                    let is_ac = 1 <= first && first <= last && last < 64;
                    (is_dc || is_ac && scan.components.len() == 1)
                        && scan.bits.into_iter().all(|bit| bit <= 13)
                }
            };
        if is_valid { Ok(scan) } else { Err(broken()) }
    }

    /// Checks that a refinement scan of DC coefficients has one bit per block, in the `ranges` of data between restart
    /// markers. A decoder can't detect missing data here, because all bits are valid.
    fn check_refinement(
        &self,
        bytes: &[u8],
        frame: &Frame,
        ranges: &[Range<usize>],
        interval: usize,
    ) -> Result<(), DecodeError> {
        if frame.coding != Coding::Progressive || self.band[0] > 0 || self.bits[0] == 0 {
            return Ok(());
        }
        let in_unit = match self.components.as_slice() {
            [_] => 1,
            all => all
                .iter()
                .map(|&[index, ..]| frame.components[index].sampling.iter().product::<usize>())
                .sum(),
        };
        let [across, down] = self.units(frame);
        let mut units = across * down;
        for range in ranges {
            let data = &bytes[range.clone()];
            // A zero byte follows each 0xff byte of data, which distinguishes it from a marker.
            let stored = data.len() - memchr::memchr_iter(0xff, data).count();
            let in_range = if interval == 0 { units } else { units.min(interval) };
            if 8 * stored < in_range * in_unit {
                return Err(damaged("the data of a scan ends early"));
            }
            units -= in_range;
        }
        Ok(())
    }

    /// Returns the number of minimum coded units across and down. For a single component they are its blocks.
    pub(super) fn units(&self, frame: &Frame) -> [usize; 2] {
        match self.components.as_slice() {
            [[index, ..]] => {
                frame.samples(&frame.components[*index]).map(|samples| samples.div_ceil(8))
            }
            _ => frame.units(),
        }
    }
}

/// Color space of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// Headers of a file.
pub(super) struct Structure<'a> {
    pub(super) frame: Frame,
    pub(super) colors: Colors,
    /// True if the file has an Adobe segment. Adobe's programs store inverted inks.
    pub(super) has_adobe: bool,
    /// First EXIF data.
    pub(super) exif: Option<&'a [u8]>,
    /// True if the file has an ICC profile.
    pub(super) has_profile: bool,
    /// True if a single scan has all components, in the order of the frame.
    pub(super) is_in_one_scan: bool,
    /// File offsets at which entropy-coded data ends, per scan: at each restart marker and at the end of the scan.
    pub(super) data_ends: Vec<Vec<usize>>,
}

impl<'a> Structure<'a> {
    /// Reads all segments up to the end marker.
    ///
    /// # Errors
    ///
    /// Returns an error if the end is missing, if a header or the sequence of restart markers is damaged, or if the
    /// file is of an unsupported kind.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut frame: Option<Frame> = None;
        let (mut adobe, mut has_jfif, mut exif, mut has_profile) = (None, false, None, false);
        let (mut interval, mut is_whole, mut is_in_one_scan) = (0, false, false);
        let mut data_ends: Vec<Vec<usize>> = vec![];
        for Segment { marker, content, data } in Segments::of(bytes) {
            match marker {
                END => {
                    is_whole = true;
                    break;
                }
                marker if is_frame(marker) => {
                    if frame.is_some() {
                        return Err(damaged("it has two frame headers"));
                    }
                    frame = Some(Frame::parse(marker, content)?);
                }
                0xcc => return Err(kind("arithmetic-coded")),
                RESTART_INTERVAL => {
                    if let &[high, low, ..] = content {
                        interval = usize::from(u16::from_be_bytes([high, low]));
                    }
                }
                SCAN => {
                    let frame = frame.as_ref().ok_or_else(|| damaged("it has no frame header"))?;
                    if data_ends.len() == MAX_SCANS {
                        return Err(invalid(format!("it has more than {MAX_SCANS} scans")));
                    }
                    let scan = Scan::parse(content, frame)?;
                    let [across, down] = scan.units(frame);
                    let ranges = intervals(bytes, data, across * down, interval)?;
                    scan.check_refinement(bytes, frame, &ranges, interval)?;
                    let indices = scan.components.iter().map(|&[index, ..]| index);
                    is_in_one_scan = data_ends.is_empty() && indices.eq(0..frame.components.len());
                    data_ends.push(ranges.into_iter().map(|range| range.end).collect());
                }
                // Segments after the first scan do not describe this image.
                _ if !data_ends.is_empty() => {}
                0xe0 if content.starts_with(b"JFIF\0") => has_jfif = true,
                0xe1 if content.starts_with(b"Exif\0\0") => exif = exif.or(Some(content)),
                0xe2 if content.starts_with(b"ICC_PROFILE\0") => has_profile = true,
                // The transform is the twelfth byte. libjpeg ignores shorter segments, which other programs write.
                0xee if content.starts_with(b"Adobe") => adobe = content.get(11).copied().or(adobe),
                _ => {}
            }
        }
        if !is_whole {
            return Err(cut_short("the JPEG's end marker is missing"));
        }
        let frame = frame.ok_or_else(|| damaged("it has no frame header"))?;
        if data_ends.is_empty() {
            return Err(damaged("it has no scan"));
        }
        // Each 8x8 block takes at least one bit, so memory is not allocated for a shorter file.
        let [width, height] = frame.size;
        if bytes.len() < width.div_ceil(8) * height.div_ceil(8) / 8 {
            let length = bytes.len();
            return Err(cut_short(format!("{length} bytes for {width}x{height} pixels")));
        }
        let colors = colors(&frame.components, has_jfif, adobe);
        let has_adobe = adobe.is_some();
        Ok(Self { frame, colors, has_adobe, exif, has_profile, is_in_one_scan, data_ends })
    }
}

/// Returns true if `marker` begins a frame header.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf)
}

fn colors(components: &[Component], has_jfif: bool, adobe: Option<u8>) -> Colors {
    match (components.len(), adobe) {
        (1, _) => Colors::Gray,
        (3, _) if has_jfif => Colors::YCbCr,
        (3, Some(0)) => Colors::Rgb,
        (3, Some(_)) => Colors::YCbCr,
        (3, None) if components.iter().map(|component| component.id).eq(*b"RGB") => Colors::Rgb,
        (3, None) => Colors::YCbCr,
        (_, Some(0) | None) => Colors::Cmyk,
        _ => Colors::Ycck,
    }
}

/// Returns the error for an unsupported kind of JPEG.
fn kind(kind: &str) -> DecodeError {
    unread(format!("it is {kind} JPEG"))
}
