//! Table of a network's layers, laid out like Keras 2's `model.summary()`.

use std::fmt;

use crate::{Layer, LayerKind, Pooling, VggConfig, VggError};

/// End of each of the three columns. The last one is the width of the table.
const COLUMN_ENDS: [usize; 3] = [29, 55, 65];

/// Table of layers with their output shapes and numbers of parameters. `Display` prints it without
/// a final line break.
#[doc(alias = "model.summary")]
#[doc(alias = "torchinfo")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Name of the model.
    pub name: String,
    /// Rows of the layers, starting with the input.
    pub rows: Vec<SummaryRow>,
    /// Number of trainable parameters.
    pub trainable: usize,
    /// Number of frozen parameters.
    pub frozen: usize,
}

/// Layer in a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// Name of the layer and, in parentheses, its class: `block1_conv1 (Conv2D)`.
    pub layer: String,
    /// Output shape, such as `(None, 180, 180, 64)`.
    pub output: String,
    /// Number of parameters.
    pub parameters: usize,
}

impl Summary {
    /// Creates the table of a network whose input is called `input_name`. If `frozen` is true, the
    /// parameters up to the last frozen layer count as frozen. Otherwise all parameters are
    /// trainable.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`VggConfig::frozen_and_trainable`].
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{Summary, VggConfig};
    ///
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let summary = Summary::of(&config, "input_1", true)?;
    /// assert_eq!(summary.rows[1].layer, "block1_conv1 (Conv2D)");
    /// assert_eq!(summary.rows[1].parameters, 3 * 3 * 3 * 64 + 64);
    /// assert!(summary.to_string().contains("\nNon-trainable params: 38,720\n"));
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "model.summary")]
    pub fn of(config: &VggConfig, input_name: &str, frozen: bool) -> Result<Self, VggError> {
        let mut rows = vec![SummaryRow::input(input_name, config.image_size)];
        rows.extend(config.layers()?.iter().map(SummaryRow::of));
        let parameters = rows.iter().map(|row| row.parameters).sum::<usize>();
        let (_, trainable) = config.frozen_and_trainable()?;
        let trainable =
            if frozen { trainable.iter().map(Layer::parameters).sum() } else { parameters };
        let frozen = parameters - trainable;
        Ok(Self { name: config.variant.name().into(), rows, trainable, frozen })
    }
}

impl SummaryRow {
    /// Creates the row of an input of RGB images with this (height, width).
    ///
    /// # Examples
    ///
    /// ```
    /// let row = vgg::SummaryRow::input("input_1", [180, 180]);
    /// assert_eq!(row.layer, "input_1 (InputLayer)");
    /// assert_eq!(row.output, "[(None, 180, 180, 3)]");
    /// ```
    pub fn input(name: &str, [height, width]: [usize; 2]) -> Self {
        Self {
            layer: format!("{name} (InputLayer)"),
            output: format!("[(None, {height}, {width}, 3)]"),
            parameters: 0,
        }
    }

    /// Creates a row from a layer's name and class, its output shape for one image, and its number
    /// of parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// let row = vgg::SummaryRow::new("dense", "Dense", &[256], 12_800 * 256 + 256);
    /// assert_eq!(row.layer, "dense (Dense)");
    /// assert_eq!(row.output, "(None, 256)");
    /// ```
    pub fn new(name: &str, kind: &str, output: &[usize], parameters: usize) -> Self {
        let lengths: Vec<String> = output.iter().map(|length| format!(", {length}")).collect();
        Self {
            layer: format!("{name} ({kind})"),
            output: format!("(None{})", lengths.concat()),
            parameters,
        }
    }

    fn of(layer: &Layer) -> Self {
        let kind = match layer.kind {
            LayerKind::Convolution { .. } => "Conv2D",
            LayerKind::MaxPooling => "MaxPooling2D",
            LayerKind::GlobalPooling(Pooling::Average) => "GlobalAveragePooling2D",
            LayerKind::GlobalPooling(_) => "GlobalMaxPooling2D",
            LayerKind::Flatten => "Flatten",
            LayerKind::Dense { .. } => "Dense",
        };
        Self::new(&layer.name, kind, &layer.output, layer.parameters())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = COLUMN_ENDS[2];
        let (line, double) = ("_".repeat(width), "=".repeat(width));
        writeln!(f, "Model: \"{}\"\n{line}", self.name)?;
        write_row(f, ["Layer (type)", "Output Shape", "Param #"])?;
        writeln!(f, "{double}")?;
        for row in &self.rows {
            write_row(f, [&row.layer, &row.output, &row.parameters.to_string()])?;
            writeln!(f, "{:width$}", "")?;
        }
        let [all, trainable, frozen] =
            [self.trainable + self.frozen, self.trainable, self.frozen].map(with_thousands);
        writeln!(f, "{double}\nTotal params: {all}")?;
        write!(f, "Trainable params: {trainable}\nNon-trainable params: {frozen}\n{line}")
    }
}

/// Writes a row. If a cell is wider than its column, it continues on the next line.
fn write_row(f: &mut fmt::Formatter<'_>, mut cells: [&str; 3]) -> fmt::Result {
    while cells.iter().any(|cell| !cell.is_empty()) {
        let mut line = String::from(" ");
        for (column, cell) in cells.iter_mut().enumerate() {
            let begin = if column == 0 { 0 } else { COLUMN_ENDS[column - 1] };
            let gap = if column < 2 { "  " } else { "" };
            let room = COLUMN_ENDS[column] - begin - gap.len();
            let cut = cell.char_indices().nth(room).map_or(cell.len(), |(at, _)| at);
            line.push_str(&cell[..cut]);
            line.push_str(gap);
            *cell = &cell[cut..];
            line = format!("{line:0$}", COLUMN_ENDS[column]);
        }
        writeln!(f, "{line}")?;
    }
    Ok(())
}

fn with_thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
