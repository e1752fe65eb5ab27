//! Tests of whole models written for other tools.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

mod chains;
mod keras;
mod onnx;
