//! Durations as people write them: `90s`, `10m`, `1h30m`.

/// Seconds of `90s`, `10m`, `1.5h`, `1h30m`, `500ms`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        total += amount
            * match &rest[digits..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    total.is_finite().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(seconds(text), expected, "{text}");
        check("90s", Some(90.0));
        check("10m", Some(600.0));
        check("1h30m", Some(5400.0));
        check("1.5h", Some(5400.0));
        check("500ms", Some(0.5));
        check("2d", Some(172_800.0));
        check("90", None);
        check("90 s", None);
        check("s", None);
        check("", None);
        check("-5s", None);
        check("1..5s", None);
        check("5min", None);
    }
}
