//! Tests of whole models written for other tools.

mod chains;
mod keras;
mod onnx;
