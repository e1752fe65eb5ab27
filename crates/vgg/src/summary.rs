//! A network as a table, laid out as Keras 2's `model.summary()` prints it.

use std::fmt;

use crate::{Layer, LayerKind, Pooling, VggConfig, VggError};

/// Where the three columns end; the last is the width of the table.
const COLUMN_ENDS: [usize; 3] = [29, 55, 65];

/// A table of layers, their output shapes and numbers of parameters. `Display` prints it, without a
/// line break at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub name: String,
    /// The layers, the input first.
    pub rows: Vec<SummaryRow>,
    /// How many parameters learn.
    pub trainable: usize,
    /// How many do not.
    pub frozen: usize,
}

/// A layer in a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer's name and, in brackets, its kind: `block1_conv1 (Conv2D)`.
    pub layer: String,
    /// The shape of its output, such as `(None, 180, 180, 64)`.
    pub output: String,
    /// How many parameters it has.
    pub parameters: usize,
}

impl Summary {
    /// The table of a network whose input is called `input_name`; its parameters learn, or are
    /// `frozen` up to the cut.
    ///
    /// # Errors
    ///
    /// Those of [`VggConfig::cut`].
    pub fn of(config: &VggConfig, input_name: &str, frozen: bool) -> Result<Self, VggError> {
        let mut rows = vec![SummaryRow::input(input_name, config.size)];
        rows.extend(config.layers()?.iter().map(SummaryRow::of));
        let parameters = rows.iter().map(|row| row.parameters).sum::<usize>();
        let (_, thawed) = config.cut()?;
        let trainable =
            if frozen { thawed.iter().map(Layer::parameters).sum() } else { parameters };
        let frozen = parameters - trainable;
        Ok(Self { name: config.variant.name().into(), rows, trainable, frozen })
    }
}

impl SummaryRow {
    /// The row of an input of RGB pictures of (height, width).
    pub fn input(name: &str, [height, width]: [usize; 2]) -> Self {
        Self {
            layer: format!("{name} (InputLayer)"),
            output: format!("[(None, {height}, {width}, 3)]"),
            parameters: 0,
        }
    }

    /// A row by its layer's name and kind, and its output's shape for one picture.
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

/// Writes a row, over several lines where a cell is wider than its column.
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
