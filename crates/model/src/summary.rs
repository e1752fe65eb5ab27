//! Summary of the whole model: augmentation, preprocessing, base and head.

use head::{Activation, HeadConfig, layer_name};
use vgg::{Summary, SummaryRow, VggConfig, VggError};

/// Returns the summary of a model for `classes` classes. The base is a single row, as Keras prints a nested model.
///
/// # Errors
///
/// Returns an error if the configuration of the base is invalid.
///
/// # Examples
///
/// ```
/// use model::{HeadConfig, VggConfig, summary};
///
/// let table = summary(&VggConfig::default(), &HeadConfig::default(), 2, "input_1")?;
/// assert_eq!((table.frozen, table.trainable), (14_714_688, 3_277_313));
/// assert!(table.to_string().contains("dense (Dense)"));
/// # Ok::<(), model::VggError>(())
/// ```
#[doc(alias = "model.summary")]
#[doc(alias = "torchinfo")]
pub fn summary(
    base: &VggConfig,
    head: &HeadConfig,
    classes: usize,
    input_name: &str,
) -> Result<Summary, VggError> {
    let [height, width] = base.image_size;
    let image = [height, width, 3];
    let of_base = Summary::of(base, input_name, true)?;
    let features = base.layers()?.last().map(|layer| layer.output.clone()).unwrap_or_default();
    let inputs = base.output_count()?;
    let parameters = of_base.trainable + of_base.frozen;
    let mut rows = vec![
        SummaryRow::input(input_name, base.image_size),
        SummaryRow::new("random_flip", "RandomFlip", &image, 0),
        SummaryRow::new("random_rotation", "RandomRotation", &image, 0),
        SummaryRow::new("random_zoom", "RandomZoom", &image, 0),
        SummaryRow::new("preprocess_input", "Caffe", &image, 0),
        SummaryRow::new(base.variant.name(), "Functional", &features, parameters),
        SummaryRow::new("flatten", "Flatten", &[inputs], 0),
    ];
    rows.extend(head_rows(head, inputs, classes));
    let trainable = of_base.trainable + head.parameters(inputs, classes);
    let moving = head.arrays(inputs, classes).into_iter();
    let moving = moving.filter(|(name, _)| name.contains("/moving_"));
    let moving: usize = moving.map(|(_, shape)| shape.iter().product::<usize>()).sum();
    Ok(Summary { name: "model".into(), rows, trainable, frozen: of_base.frozen + moving })
}

/// Returns the rows of the head.
fn head_rows(head: &HeadConfig, inputs: usize, classes: usize) -> Vec<SummaryRow> {
    let arrays = head.arrays(inputs, classes);
    let parameters = |layer: &str| {
        let of_layer = arrays.iter().filter(|(name, _)| name.split('/').next() == Some(layer));
        of_layer.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    let row = |kind: &str, class: &str, at: usize, units: usize| {
        let name = layer_name(kind, at);
        let parameters = parameters(&name);
        SummaryRow::new(&name, class, &[units], parameters)
    };
    let mut rows = vec![];
    if head.hidden_units.is_empty() {
        rows.push(row("dropout", "Dropout", 0, inputs));
    }
    for (at, &units) in head.hidden_units.iter().enumerate() {
        rows.push(row("dense", "Dense", at, units));
        if head.batch_norm {
            rows.push(row("batch_normalization", "BatchNormalization", at, units));
        }
        if head.activation != Activation::Linear {
            rows.push(row("activation", "Activation", at, units));
        }
        rows.push(row("dropout", "Dropout", at, units));
    }
    let (_, bias) = arrays.last().expect("the arrays of the last layer");
    rows.push(row("dense", "Dense", head.hidden_units.len(), bias[0]));
    rows
}

/// Returns the names and shapes of the trainable arrays: those of the unfrozen layers, then those of the head.
///
/// # Errors
///
/// Returns an error if the configuration of the base is invalid.
///
/// # Examples
///
/// ```
/// use model::{HeadConfig, VggConfig, trainable_weights};
///
/// let base = VggConfig { unfreeze: Some("block5_conv3".into()), ..VggConfig::default() };
/// let weights = trainable_weights(&base, &HeadConfig::default(), 2)?;
/// assert_eq!(weights.len(), 6);
/// assert_eq!(weights[0], ("block5_conv3/kernel".to_owned(), vec![3, 3, 512, 512]));
/// assert_eq!(weights[2], ("dense/kernel".to_owned(), vec![12_800, 256]));
/// # Ok::<(), model::VggError>(())
/// ```
pub fn trainable_weights(
    base: &VggConfig,
    head: &HeadConfig,
    classes: usize,
) -> Result<Vec<(String, Vec<usize>)>, VggError> {
    let mut weights = base.trainable_weights()?;
    weights.extend(head.arrays(base.output_count()?, classes));
    Ok(weights)
}
