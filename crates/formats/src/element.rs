//! Supported element types: floats of 16, 32 and 64 bits, which become 32-bit floats. 16-bit floats keep their exact
//! values. 64-bit floats are rounded to the nearest value; one beyond the range becomes infinite.

use half::{bf16, f16};

/// Element type of a weights file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// IEEE 754 binary64.
    Float64,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary16: 5 exponent bits, 10 mantissa bits.
    Float16,
    /// The upper half of a 32-bit float: 8 exponent bits, 7 mantissa bits.
    Bfloat16,
}

/// Byte order of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
}

impl ByteOrder {
    /// Byte order of this machine.
    pub(crate) const NATIVE: Self =
        if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

impl Element {
    /// Returns the size of a value in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Float64 => 8,
            Self::Float32 => 4,
            Self::Float16 | Self::Bfloat16 => 2,
        }
    }

    /// Returns the name of the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
        }
    }

    /// Decodes values. Ignores trailing bytes that are not a whole value.
    pub(crate) fn decode(self, bytes: &[u8], order: ByteOrder) -> Vec<f32> {
        match self {
            Self::Float64 => decode(bytes, order, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::Float32 => decode(bytes, order, f32::from_le_bytes),
            Self::Float16 => decode(bytes, order, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bfloat16 => decode(bytes, order, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        }
    }
}

/// Decodes values of `N` bytes. `from_little` expects the lowest byte first.
fn decode<const N: usize>(
    bytes: &[u8],
    order: ByteOrder,
    from_little: impl Fn([u8; N]) -> f32,
) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<N>();
    let decoded = values.iter().map(|&(mut value)| {
        if order == ByteOrder::Big {
            value.reverse();
        }
        from_little(value)
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_float_is_decoded_exactly() {
        for bits in 0..=u16::MAX {
            let one = |element: Element| element.decode(&bits.to_le_bytes(), ByteOrder::Little)[0];
            let found = f64::from(one(Element::Float16));
            let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let magnitude = match exponent {
                0 => mantissa * (-24f64).exp2(),
                0x1f if mantissa == 0.0 => f64::INFINITY,
                0x1f => f64::NAN,
                _ => (1.0 + mantissa / 1024.0) * f64::from(exponent - 15).exp2(),
            };
            let expected = if bits >> 15 == 0 { magnitude } else { -magnitude };
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{bits:#x}");

            let found = one(Element::Bfloat16);
            let expected = f32::from_bits(u32::from(bits) << 16);
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{bits:#x}");
        }
    }

    #[test]
    fn big_endian_floats_are_decoded() {
        assert_eq!(Element::Float32.decode(&[0x3f, 0x80, 0, 0, 9], ByteOrder::Big), [1.0]);
        let double = [0x3f, 0xf8, 0, 0, 0, 0, 0, 0];
        assert_eq!(Element::Float64.decode(&double, ByteOrder::Big), [1.5]);
        assert_eq!(Element::Float16.decode(&[0x3c, 0, 0xc0, 0], ByteOrder::Big), [1.0, -2.0]);
    }
}
