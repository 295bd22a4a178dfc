//! Frame rates as exact fractions.

/// The fraction behind a rate as people write it: whole, of broadcast (n * 1000 / 1001: 29.97 is 30000/1001, and so is
/// 23.98 24000/1001), or in thousandths.
#[must_use]
pub fn exact(fps: f64) -> (u32, u32) {
    let above = fps.ceil();
    if (fps - fps.round()).abs() < 1e-6 {
        (fps.round() as u32, 1)
    } else if (fps - above * 1000.0 / 1001.0).abs() < 0.006 {
        (above as u32 * 1000, 1001)
    } else {
        ((fps * 1000.0).round() as u32, 1000)
    }
}

/// Whether two rates are the same.
#[must_use]
pub fn same(a: (u32, u32), b: (u32, u32)) -> bool {
    u64::from(a.0) * u64::from(b.1) == u64::from(b.0) * u64::from(a.1)
}

/// The rate behind one that a file tells: Matroska counts nanoseconds, and 60000/1001 comes out of it as 19001/317. What is no
/// whole rate and none of broadcast to within a part in 20,000 is as it is told.
pub(crate) fn told((n, d): (u32, u32)) -> (u32, u32) {
    let fps = f64::from(n) / f64::from(d.max(1));
    let near = |(n, d): &(u32, u32)| (f64::from(*n) / f64::from(*d) - fps).abs() <= fps / 20_000.0;
    let above = (fps - 0.01).ceil() as u32;
    [(fps.round() as u32, 1), (above.saturating_mul(1000), 1001)].into_iter().find(near).unwrap_or((n, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_people_write_them() {
        fn check(fps: f64, expected: (u32, u32)) {
            assert_eq!(exact(fps), expected, "{fps}");
        }
        check(24.0, (24, 1));
        check(23.976, (24000, 1001));
        check(23.98, (24000, 1001));
        check(29.97, (30000, 1001));
        check(59.94, (60000, 1001));
        check(12.5, (12500, 1000));
        check(0.5, (500, 1000));
    }

    #[test]
    fn rates_are_fractions() {
        assert!(same((24, 1), (48, 2)) && !same((24, 1), (24000, 1001)));
    }

    #[test]
    fn rates_as_files_tell_them() {
        fn check(told_as: (u32, u32), expected: (u32, u32)) {
            assert_eq!(told(told_as), expected, "{told_as:?}");
        }
        check((19001, 317), (60000, 1001));
        check((60000, 1001), (60000, 1001));
        check((24, 1), (24, 1));
        check((24_000_500, 1_000_000), (24, 1));
        check((2997, 100), (30000, 1001));
        check((25, 2), (25, 2));
        // A phone's, of its own.
        check((29_913, 1000), (29_913, 1000));
        check((0, 1), (0, 1));
        check((u32::MAX, 1), (u32::MAX, 1));
    }
}
