//! A frame rate as an exact fraction.

use crate::params::Rate;

/// The fraction, or what is wrong with it. Broadcast rates (23.976, 29.97, 59.94 …) are n*1000/1001.
pub(crate) fn parse(rate: &Rate) -> Result<(u32, u32), String> {
    let text = match rate {
        Rate::Number(number) => number.to_string(),
        Rate::Text(text) => text.trim().to_owned(),
    };
    let bad =
        || format!("the parameter `fps` is {text}; expected more than 0 and at most 240, such as 24 or 30000/1001");
    let fraction = match text.split_once('/') {
        Some((n, d)) => (n.trim().parse().map_err(|_| bad())?, d.trim().parse().map_err(|_| bad())?),
        None => {
            let fps = text.parse::<f64>().ok().filter(|fps| *fps > 0.0 && *fps <= 240.0);
            spotloom_media::rate::exact(fps.ok_or_else(bad)?)
        }
    };
    let (n, d) = fraction;
    let fits = n > 0 && d > 0 && n <= 1_000_000 && d <= 1_000_000 && u64::from(n) <= 240 * u64::from(d);
    if fits { Ok(fraction) } else { Err(bad()) }
}

/// How many frames a clip of so many frames has at another rate: at least one, and within half a frame of its length.
pub(crate) fn frames(count: u64, from: (u32, u32), to: (u32, u32)) -> u64 {
    let above = u128::from(count) * u128::from(from.1) * u128::from(to.0);
    let below = u128::from(from.0) * u128::from(to.1);
    u64::try_from((above + below / 2) / below.max(1)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_other_rates() {
        fn check(count: u64, from: (u32, u32), to: (u32, u32), expected: u64) {
            assert_eq!(frames(count, from, to), expected, "{count} at {from:?} to {to:?}");
        }
        check(24, (24, 1), (60000, 1001), 60);
        check(60, (60000, 1001), (24, 1), 24);
        check(24, (24, 1), (24, 1), 24);
        check(1, (240, 1), (1, 1), 1);
        check(100_000_000, (240, 1), (1, 1000), 417);
    }

    #[test]
    fn rates_as_people_write_them() {
        fn check(rate: Rate, expected: Option<(u32, u32)>) {
            assert_eq!(parse(&rate).ok(), expected, "{rate:?}");
        }
        check(Rate::Number(24.0), Some((24, 1)));
        check(Rate::Number(59.94), Some((60000, 1001)));
        check(Rate::Number(23.976), Some((24000, 1001)));
        check(Rate::Number(29.97), Some((30000, 1001)));
        check(Rate::Number(12.5), Some((12500, 1000)));
        check(Rate::Text("30000/1001".into()), Some((30000, 1001)));
        check(Rate::Text("25".into()), Some((25, 1)));
        check(Rate::Text("1/0".into()), None);
        check(Rate::Text("soon".into()), None);
        check(Rate::Number(0.0), None);
        check(Rate::Number(-3.0), None);
        check(Rate::Number(f64::NAN), None);
        check(Rate::Number(241.0), None);
    }
}
