//! Names of images in errors about a network's output.

use std::path::Path;

use model::ModelError;
use quoting::Shown;
use vgg::VggError;

/// Converts the error. If it concerns an image of a batch, the message names that image.
pub(crate) fn named<'a>(
    error: impl Into<ModelError>,
    name: impl Fn(usize) -> &'a Path,
) -> anyhow::Error {
    match error.into() {
        ModelError::Base(VggError::Output { index }) => anyhow::anyhow!(
            "the model's output for `{}` is NaN or infinite\nhint: the model has diverged in training, or its weights are not for its base; use another model",
            name(index).shown()
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_output_error_names_the_image_file() {
        let files = ["a.jpg", "b.jpg"].map(Path::new);
        let message = named(VggError::Output { index: 1 }, |index| files[index]).to_string();
        assert!(message.starts_with("the model's output for `b.jpg` is NaN or infinite\nhint: "));
        let other = named(VggError::NoTop, |index| files[index]).to_string();
        assert_eq!(other, VggError::NoTop.to_string());
    }
}
