//! RGB to Y'CbCr by BT.709.

use crate::picture::Picture;

/// RGB from -1 to 1 to Y' from 0 to 1 and Cb, Cr from -0.5 to 0.5.
#[must_use]
pub fn to_ycbcr(rgb: &Picture) -> Picture {
    let size = rgb.width * rgb.height;
    let mut out = Picture::filled(rgb.width, rgb.height, 0.0);
    for i in 0..size {
        let [r, g, b] = [0, 1, 2].map(|c| (rgb.data[c * size + i] + 1.0) * 0.5);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        out.data[i] = y;
        out.data[size + i] = (b - y) / 1.8556;
        out.data[2 * size + i] = (r - y) / 1.5748;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_have_their_bt709_values() {
        let check = |rgb: [f32; 3], expected: [f32; 3]| {
            let found = to_ycbcr(&Picture { width: 1, height: 1, data: rgb.to_vec() });
            assert!(found.data.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{rgb:?}: {found:?}");
        };
        check([-1.0, -1.0, -1.0], [0.0, 0.0, 0.0]);
        check([1.0, 1.0, 1.0], [1.0, 0.0, 0.0]);
        check([1.0, -1.0, -1.0], [0.2126, -0.114_57, 0.5]);
        check([-1.0, -1.0, 1.0], [0.0722, 0.5, -0.045_85]);
    }
}
