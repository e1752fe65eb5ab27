//! Types that features are stored as.

use half::f16;
use serde::{Deserialize, Serialize};

/// Type that features are stored as.
#[doc(alias = "f16")]
#[doc(alias = "fp16")]
#[doc(alias = "half precision")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats, as computed.
    #[default]
    Float32,
    /// 16-bit floats: half the size, rounded to 11 significant bits.
    Float16,
}

impl Dtype {
    /// Returns the size of a value in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Dtype;
    ///
    /// // VGG16 has 5 x 5 x 512 features of an image of 180 x 180 pixels.
    /// assert_eq!(5 * 5 * 512 * Dtype::Float16.size(), 25_600);
    /// ```
    pub fn size(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }

    /// Returns the name of the type in settings and arguments.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
        }
    }

    /// Returns the largest finite value of the type.
    pub(crate) fn largest(self) -> f32 {
        match self {
            Self::Float32 => f32::MAX,
            Self::Float16 => f16::MAX.to_f32(),
        }
    }

    /// Returns true if a value, rounded to the type, is neither NaN nor infinite.
    pub(crate) fn holds(self, value: f32) -> bool {
        match self {
            Self::Float32 => value.is_finite(),
            Self::Float16 => f16::from_f32(value).is_finite(),
        }
    }

    /// Returns the name of the type in a safetensors file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float32 => "F32",
            Self::Float16 => "F16",
        }
    }

    /// Encodes values as little-endian bytes.
    pub(crate) fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::Float32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Float16 => {
                values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
            }
        }
    }

    /// Decodes values from little-endian bytes.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Float32 => bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect(),
            Self::Float16 => {
                let value = |&bytes: &[u8; 2]| f16::from_le_bytes(bytes).to_f32();
                bytes.as_chunks().0.iter().map(value).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float32_round_trips_and_float16_is_rounded() {
        let values = [0.0, 1.5, -2.25, 1000.4, 1e-9];
        assert_eq!(Dtype::Float32.decode(&Dtype::Float32.encode(&values)), values);
        let half = Dtype::Float16.decode(&Dtype::Float16.encode(&values));
        assert_eq!(half, [0.0, 1.5, -2.25, 1000.5, 0.0]);
    }
}
