//! Conversion of YCbCr to RGB.

/// Converts a pixel from YCbCr to RGB in place (ITU-T T.871).
pub(crate) fn ycbcr_to_rgb(pixel: &mut [u8; 3]) {
    let [luma, blue, red] =
        [f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0];
    *pixel = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
        .map(|value| value.round() as u8);
}
