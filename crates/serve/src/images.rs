//! The images of a request. Each is checked by its header before any pixel is decoded.

use hyper::StatusCode;
use hyper::body::Bytes;
use photos::{DecodeError, DecodingCost, decoding_cost};
use serde_json::{Value, json};

use crate::Limits;
use crate::error_response::ErrorResponse;
use crate::form_error::FormError;
use crate::multipart::{FormLimits, Part, parts};

/// Hint for an image that can't be decoded.
const UNREADABLE: &str =
    "send a JPEG, PNG, GIF, BMP, WebP or TIFF file that other programs can open";

/// An image as received.
pub(crate) struct Image {
    /// File name, if the request has one.
    pub(crate) name: Option<String>,
    pub(crate) bytes: Bytes,
    /// Cost of decoding the image, or the reason why it is not decoded.
    pub(crate) cost: Result<DecodingCost, ImageError>,
}

/// Reason why an image gets no prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageError {
    pub(crate) error: String,
    pub(crate) hint: &'static str,
}

impl ImageError {
    /// Returns the fault of an image that can't be decoded.
    pub(crate) fn unreadable(reason: &DecodeError) -> Self {
        Self { error: format!("the image can't be read: {reason}"), hint: UNREADABLE }
    }

    pub(crate) fn tell(&self, name: Option<&str>) -> Value {
        json!({"name": name, "error": self.error, "hint": self.hint})
    }
}

/// Returns the images in a body. If `boundary` is given, the body is a form and its parts are the images.
///
/// # Errors
///
/// Returns an error if the body is not a form, if it has no images or too many, or if the images have too many pixels
/// in total.
pub(crate) fn images(
    body: Bytes,
    boundary: Option<&str>,
    limits: &Limits,
) -> Result<Vec<Image>, ErrorResponse> {
    let files: Vec<(Option<String>, Bytes)> = match boundary {
        None => vec![(None, body)],
        Some(boundary) => {
            let most = FormLimits { files: limits.files, name: limits.name };
            let parts = parts(&body, boundary, most).map_err(|fault| malformed(&fault))?;
            parts
                .into_iter()
                .map(|Part { file_name, content }| (Some(file_name), content))
                .collect()
        }
    };
    if files.is_empty() {
        return Err(malformed(&FormError::NoFiles));
    }
    if files.len() > limits.files {
        return Err(ErrorResponse::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("too many images, expected at most {}", limits.files),
            "send fewer images, or start the server with a higher limit",
        ));
    }
    let judge = |(name, bytes): (Option<String>, Bytes)| {
        let cost = judged(&bytes, limits);
        Image { name, bytes, cost }
    };
    let images: Vec<Image> = files.into_iter().map(judge).collect();
    let pixels: u64 =
        images.iter().filter_map(|image| image.cost.as_ref().ok()).map(|cost| cost.pixels).sum();
    if pixels > limits.request_pixels {
        return Err(ErrorResponse::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the images have {:.1} megapixels in total, expected at most {}",
                megapixels(pixels),
                megapixels(limits.request_pixels)
            ),
            "send fewer or smaller images",
        ));
    }
    Ok(images)
}

/// Returns the cost of decoding an image, or the reason why it is not decoded.
fn judged(bytes: &[u8], limits: &Limits) -> Result<DecodingCost, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::unreadable(&DecodeError::Empty));
    }
    let cost = decoding_cost(bytes).map_err(|reason| ImageError::unreadable(&reason))?;
    if cost.pixels > limits.pixels {
        let [width, height] = cost.size;
        return Err(ImageError {
            error: format!(
                "the image is too large: its header says {width}x{height} pixels, expected at most {} megapixels",
                megapixels(limits.pixels)
            ),
            hint: "make it smaller",
        });
    }
    if cost.memory > limits.decoding() {
        return Err(ImageError {
            error: format!(
                "the image is too large: by its header, decoding takes up to {:.0} MB, expected at most {:.0} MB",
                cost.memory as f64 / 1e6,
                limits.decoding() as f64 / 1e6
            ),
            hint: "make it smaller, or save it as JPEG or 8-bit PNG",
        });
    }
    Ok(cost)
}

fn megapixels(pixels: u64) -> f64 {
    pixels as f64 / 1e6
}

/// Returns the response to a body that is declared as a form with files but is not one.
pub(crate) fn malformed(reason: &FormError) -> ErrorResponse {
    ErrorResponse::new(
        StatusCode::BAD_REQUEST,
        format!("invalid form: {reason}"),
        "send one image as the body, or several as files in `multipart/form-data`, such as `curl -F image=@1.jpg`",
    )
}
