//! Where tensors live. No other file names a backend.

use burn::tensor::Device;

/// The CPU, through Burn's Flex backend.
pub(crate) fn cpu() -> Device {
    Device::flex()
}
