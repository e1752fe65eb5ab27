//! Whole models written for other tools compute what their chain does.

mod chains;
mod keras;
mod onnx;
