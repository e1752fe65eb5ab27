//! Writes whole models for ONNX Runtime and similar tools: one protobuf message, operator set 17.
//!
//! Models take images as (N, height, width, 3), as everywhere outside of Burn, but ONNX convolves (N, channels, height,
//! width). So the first operation is a transpose. Another transpose comes before Flatten, so that dense kernels have
//! the same order as in Keras.

use std::path::Path;

use onnx_rs::ast::{
    Attribute, AttributeType, DataType, Dimension, Graph, Model, Node, OpType, OperatorSetId,
    StringStringEntry, TensorProto, TensorShape, TensorShapeDimension, TensorTypeProto, TypeProto,
    TypeValue, ValueInfo,
};

use crate::sequential::INPUT;
use crate::{Activation, Array, FormatError, SequentialLayerKind, SequentialModel, write_atomic};

/// Operator set, and the version of the file format that belongs to it (ONNX 1.12).
const OPERATOR_SET: i64 = 17;
const IR_VERSION: i64 = 8;

/// Maximum size of the weights: a protobuf message, less a margin for everything else.
const MOST_WEIGHT_BYTES: u64 = (1 << 31) - (1 << 20);

const OUTPUT: &str = "probabilities";

/// Key of the class names in the model's metadata.
const CLASSES: &str = "classes";

/// Writes `chain` to `path` as an ONNX model, atomically.
///
/// The input `image` takes RGB images as 32-bit floats 0..=255, (N, height, width, 3). The output `probabilities` is
/// (N, units). Class names, if any, are in the metadata as `classes`, a JSON array. The bytes of the file depend only
/// on the chain.
///
/// # Errors
///
/// Returns an error if the weights exceed the 2 GiB of a protobuf message, the folder is missing, or the system refuses
/// to write there.
///
/// # Panics
///
/// Panics if the chain breaks a rule of [`SequentialModel`].
///
/// # Examples
///
/// ```
/// use formats::{Activation, Array, SequentialLayer, SequentialLayerKind, SequentialModel};
///
/// // The probability that an image is red, from its mean color.
/// let kernel = Array::new(vec![3, 1], vec![0.1, 0.0, -0.1]);
/// let bias = Array::new(vec![1], vec![0.5]);
/// let dense = SequentialLayerKind::Dense { kernel: &kernel, bias: &bias, activation: Activation::Sigmoid };
/// let layer = |name: &str, kind| SequentialLayer { name: name.into(), frozen: false, kind };
/// let chain = SequentialModel {
///     name: "redness".into(),
///     size: [180, 180],
///     layers: vec![
///         layer("pooling", SequentialLayerKind::GlobalAveragePooling),
///         layer("predictions", dense),
///     ],
///     classes: vec!["other".into(), "red".into()],
/// };
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("redness.onnx");
/// formats::write_onnx(&path, &chain)?;
/// assert!(std::fs::metadata(&path)?.len() > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "onnxruntime")]
#[doc(alias = "tf2onnx")]
#[doc(alias = "torch.onnx.export")]
pub fn write_onnx(path: impl AsRef<Path>, chain: &SequentialModel) -> Result<(), FormatError> {
    let path = path.as_ref();
    let size = chain.weight_bytes();
    if size > MOST_WEIGHT_BYTES {
        let (path, limit) = (path.to_owned(), MOST_WEIGHT_BYTES);
        return Err(FormatError::TooLarge { path, size, limit });
    }
    let output = chain.output_shapes().pop().unwrap_or_default();
    let classes = serde_json::to_string(&chain.classes).expect("names are valid JSON");
    let mut program = Program::default();
    let channels_first = integers("perm", &[0, 3, 1, 2]);
    program.operation(INPUT, "transpose", OpType::Transpose, vec![], vec![channels_first]);
    for layer in &chain.layers {
        program.apply(&layer.name, layer.kind);
    }
    write_atomic(path, &program.encode(chain, &output, &classes))
}

/// Operations in order. Each takes the output of the previous one.
#[derive(Default)]
struct Program {
    operations: Vec<Operation>,
    constants: Vec<Constant>,
}

struct Operation {
    /// `LAYER/WHAT`, which is also the name of the output.
    name: String,
    operator: OpType<'static>,
    /// Names of the inputs that follow the output of the previous operation.
    constants: Vec<String>,
    attributes: Vec<Attribute<'static>>,
}

struct Constant {
    name: String,
    shape: Vec<i64>,
    bytes: Vec<u8>,
}

impl Program {
    fn apply(&mut self, layer: &str, kind: SequentialLayerKind) {
        match kind {
            SequentialLayerKind::Pointwise { kernel, bias } => {
                self.convolve(layer, kernel, bias, 0)
            }
            SequentialLayerKind::Convolution { kernel, bias } => {
                self.convolve(layer, kernel, bias, 1);
                self.operation(layer, "relu", OpType::Relu, vec![], vec![]);
            }
            SequentialLayerKind::MaxPooling => {
                let attributes =
                    vec![integers("kernel_shape", &[2, 2]), integers("strides", &[2, 2])];
                self.operation(layer, "maximum", OpType::MaxPool, vec![], attributes);
            }
            SequentialLayerKind::GlobalAveragePooling => {
                self.operation(layer, "mean", OpType::GlobalAveragePool, vec![], vec![]);
                self.operation(layer, "flatten", OpType::Flatten, vec![], vec![]);
            }
            SequentialLayerKind::GlobalMaxPooling => {
                self.operation(layer, "maximum", OpType::GlobalMaxPool, vec![], vec![]);
                self.operation(layer, "flatten", OpType::Flatten, vec![], vec![]);
            }
            SequentialLayerKind::Flatten => {
                let channels_last = integers("perm", &[0, 2, 3, 1]);
                self.operation(layer, "transpose", OpType::Transpose, vec![], vec![channels_last]);
                self.operation(layer, "flatten", OpType::Flatten, vec![], vec![]);
            }
            SequentialLayerKind::Dense { kernel, bias, activation } => {
                let kernel = self.array(layer, "kernel", kernel);
                let bias = self.array(layer, "bias", bias);
                self.operation(layer, "dense", OpType::Gemm, vec![kernel, bias], vec![]);
                let (what, operator) = match activation {
                    Activation::Linear => return,
                    Activation::Gelu => return self.gelu(layer),
                    Activation::Relu => ("relu", OpType::Relu),
                    Activation::Sigmoid => ("sigmoid", OpType::Sigmoid),
                    Activation::Softmax => ("softmax", OpType::Softmax),
                };
                self.operation(layer, what, operator, vec![], vec![]);
            }
            SequentialLayerKind::Dropout { .. } => {}
        }
    }

    /// Adds x (1 + erf(x / sqrt 2)) / 2, because the operator set has no Gelu, for the output x of the dense layer.
    fn gelu(&mut self, layer: &str) {
        let input = format!("{layer}/dense");
        for (what, value, operator) in [
            ("inverse_root", std::f32::consts::FRAC_1_SQRT_2, OpType::Mul),
            ("erf", 0.0, OpType::Erf),
            ("one", 1.0, OpType::Add),
            ("half", 0.5, OpType::Mul),
        ] {
            let is_erf = matches!(operator, OpType::Erf);
            let constants = match is_erf {
                true => vec![],
                false => vec![self.constant(layer, what, &[], [value])],
            };
            self.operation(layer, &format!("gelu_{what}"), operator, constants, vec![]);
        }
        self.operation(layer, "gelu", OpType::Mul, vec![input], vec![]);
    }

    fn operation(
        &mut self,
        layer: &str,
        what: &str,
        operator: OpType<'static>,
        constants: Vec<String>,
        attributes: Vec<Attribute<'static>>,
    ) {
        let name = format!("{layer}/{what}");
        self.operations.push(Operation { name, operator, constants, attributes });
    }

    /// Adds a convolution with `padding` rows and columns of zeros on each side of the input.
    fn convolve(&mut self, layer: &str, kernel: &Array, bias: &Array, padding: i64) {
        let &[rows, columns, inputs, outputs] = kernel.shape.as_slice() else {
            unreachable!("the shapes of a chain were checked")
        };
        let shape = [outputs, inputs, rows, columns];
        let sides = [rows as i64, columns as i64];
        let kernel = self.constant(layer, "kernel", &shape, outputs_first(kernel));
        let bias = self.array(layer, "bias", bias);
        let attributes = vec![integers("kernel_shape", &sides), integers("pads", &[padding; 4])];
        self.operation(layer, "convolution", OpType::Conv, vec![kernel, bias], attributes);
    }

    fn array(&mut self, layer: &str, what: &str, array: &Array) -> String {
        self.constant(layer, what, &array.shape, array.data.iter().copied())
    }

    fn constant(
        &mut self,
        layer: &str,
        what: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) -> String {
        let name = format!("{layer}/{what}");
        let shape = shape.iter().map(|&length| length as i64).collect();
        let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
        self.constants.push(Constant { name: name.clone(), shape, bytes });
        name
    }

    fn encode(&self, chain: &SequentialModel, output: &[usize], classes: &str) -> Vec<u8> {
        let mut fed_by = INPUT;
        let mut nodes = Vec::new();
        for (index, operation) in self.operations.iter().enumerate() {
            let is_last = index + 1 == self.operations.len();
            let gives = if is_last { OUTPUT } else { &operation.name };
            let constants = operation.constants.iter().map(String::as_str);
            nodes.push(Node {
                name: &operation.name,
                op_type: operation.operator.clone(),
                input: std::iter::once(fed_by).chain(constants).collect(),
                output: vec![gives],
                attribute: operation.attributes.clone(),
                ..Node::default()
            });
            fed_by = gives;
        }
        let initializers = self.constants.iter().map(|Constant { name, shape, bytes }| {
            TensorProto::from_raw(name, shape.clone(), DataType::Float, bytes)
        });
        let classes = StringStringEntry { key: CLASSES, value: classes };
        onnx_rs::encode(&Model {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetId { domain: "", version: OPERATOR_SET }],
            producer_name: "permafrost",
            producer_version: env!("CARGO_PKG_VERSION"),
            graph: Some(Graph {
                name: &chain.name,
                node: nodes,
                initializer: initializers.collect(),
                input: vec![batch(INPUT, &[chain.size[0], chain.size[1], 3])],
                output: vec![batch(OUTPUT, output)],
                ..Graph::default()
            }),
            metadata_props: if chain.classes.is_empty() { vec![] } else { vec![classes] },
            ..Model::default()
        })
    }
}

/// Returns the values of a kernel (rows, columns, inputs, outputs) in the order (outputs, inputs, rows, columns).
fn outputs_first(kernel: &Array) -> impl Iterator<Item = f32> {
    let (inputs, outputs) = (kernel.shape[2], kernel.shape[3]);
    let taps = kernel.shape[0] * kernel.shape[1];
    (0..outputs).flat_map(move |output| {
        (0..inputs).flat_map(move |input| {
            (0..taps).map(move |tap| kernel.data[(tap * inputs + input) * outputs + output])
        })
    })
}

fn integers(name: &'static str, values: &[i64]) -> Attribute<'static> {
    let ints = values.to_vec();
    Attribute { name, r#type: AttributeType::Ints, ints, ..Attribute::default() }
}

/// Returns the type of a batch of arrays with this shape, for any batch size `N`.
fn batch<'a>(name: &'a str, shape: &[usize]) -> ValueInfo<'a> {
    let lengths = shape.iter().map(|&length| Dimension::Value(length as i64));
    let dim = std::iter::once(Dimension::Param("N"))
        .chain(lengths)
        .map(|value| TensorShapeDimension { value, denotation: "" })
        .collect();
    let tensor = TensorTypeProto { elem_type: DataType::Float, shape: Some(TensorShape { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), denotation: "" });
    ValueInfo { name, r#type, ..ValueInfo::default() }
}
