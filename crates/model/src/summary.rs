//! The whole model as a table: augmentation, preprocessing, base and head.

use head::{ARRAY_NAMES, HeadConfig};
use vgg::{Summary, SummaryRow, VggConfig, VggError};

/// The table of the model that is trained for `classes` classes: the frozen base as one row, as
/// Keras prints a model within a model.
///
/// # Errors
///
/// `base` describes no network.
pub fn summary(
    base: &VggConfig,
    head: &HeadConfig,
    classes: usize,
    input_name: &str,
) -> Result<Summary, VggError> {
    let layers = base.layers()?;
    let [height, width] = base.size;
    let picture = [height, width, 3];
    let features = layers.last().map(|layer| layer.output.clone()).unwrap_or_default();
    let inputs: usize = features.iter().product();
    let frozen: usize = layers.iter().map(vgg::Layer::parameters).sum();
    let [kernel, bias, kernel_1, bias_1] =
        head.shapes(inputs, classes).map(|shape| shape.iter().product::<usize>());
    let units = head.shapes(inputs, classes)[3][0];
    let rows = vec![
        SummaryRow::input(input_name, base.size),
        SummaryRow::new("random_flip", "RandomFlip", &picture, 0),
        SummaryRow::new("random_rotation", "RandomRotation", &picture, 0),
        SummaryRow::new("random_zoom", "RandomZoom", &picture, 0),
        SummaryRow::new("preprocess_input", "Caffe", &picture, 0),
        SummaryRow::new(base.variant.name(), "Functional", &features, frozen),
        SummaryRow::new("flatten", "Flatten", &[inputs], 0),
        SummaryRow::new("dense", "Dense", &[head.hidden], kernel + bias),
        SummaryRow::new("dropout", "Dropout", &[head.hidden], 0),
        SummaryRow::new("dense_1", "Dense", &[units], kernel_1 + bias_1),
    ];
    let trainable = head.parameters(inputs, classes);
    Ok(Summary { name: "model".into(), rows, trainable, frozen })
}

/// The names and shapes of the tensors that learn: with a frozen base the head's four.
///
/// # Errors
///
/// `base` describes no network.
pub fn trainable_weights(
    base: &VggConfig,
    head: &HeadConfig,
    classes: usize,
) -> Result<Vec<(&'static str, Vec<usize>)>, VggError> {
    let inputs = base.layers()?.last().map_or(0, |layer| layer.output.iter().product());
    Ok(ARRAY_NAMES.into_iter().zip(head.shapes(inputs, classes)).collect())
}
