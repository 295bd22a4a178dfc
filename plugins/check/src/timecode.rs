//! The time code of a file's first frame (SMPTE ST 12-1), as MOV and MXF keep it: a count of frames.

use std::fmt;

/// A time code as a count of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timecode {
    pub frame: u32,
    /// Frames a second, as a whole number: 30 for 29.97.
    pub base: u32,
    /// Whether numbers are left out so that it keeps up with the clock.
    pub drop: bool,
}

impl fmt::Display for Timecode {
    /// `10:00:00:00`; `00:59:53;00` where numbers are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = u64::from(self.base.max(1));
        let mut number = u64::from(self.frame);
        if self.drop {
            // Of every minute but each tenth the first two numbers are left out, at 60 frames a second the first four.
            let left_out = base / 15;
            let (minute, ten) = (60 * base - left_out, 600 * base - 9 * left_out);
            let (tens, rest) = (number / ten, number % ten);
            let minutes = if rest < 60 * base { 0 } else { 1 + (rest - 60 * base) / minute.max(1) };
            number += left_out * (9 * tens + minutes);
        }
        let (seconds, frame) = (number / base, number % base);
        let sep = if self.drop { ';' } else { ':' };
        write!(f, "{:02}:{:02}:{:02}{sep}{frame:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_as_clocks_show_them() {
        let check = |frame: u32, base: u32, drop: bool, expected: &str| {
            assert_eq!(Timecode { frame, base, drop }.to_string(), expected, "{frame} at {base}");
        };
        check(0, 25, false, "00:00:00:00");
        check(900_000, 25, false, "10:00:00:00");
        check(900_024, 25, false, "10:00:00:24");
        check(107_790, 30, false, "00:59:53:00");
        check(107_682, 30, true, "00:59:53;00");
        check(1799, 30, true, "00:00:59;29");
        check(1800, 30, true, "00:01:00;02");
        check(3597, 30, true, "00:01:59;29");
        check(3598, 30, true, "00:02:00;02");
        check(17_981, 30, true, "00:09:59;29");
        check(17_982, 30, true, "00:10:00;00");
        check(107_892, 30, true, "01:00:00;00");
        check(3600, 60, true, "00:01:00;04");
        check(25 * 86_400, 25, false, "00:00:00:00");
        check(7, 0, false, "00:00:07:00");
    }
}
