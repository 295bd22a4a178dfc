//! What a plain scalar stands for: YAML 1.2, core schema (10.3.2). `no`, `on` and `16:9` are text.

use serde_json::{Number, Value};

/// The value of a plain scalar. Numbers that JSON can't hold (`.inf`, more than 64 bits) stay text.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.into()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.get(..1)?, digits),
        None => ("", text),
    };
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return match sign {
            "-" => format!("-{digits}").parse::<i64>().ok().map(Number::from),
            _ => digits.parse::<u64>().ok().map(Number::from),
        };
    }
    // [0-9]* with a point somewhere, then an optional exponent: Rust's own reading is the same but for names.
    let is_float = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.bytes().any(|b| b.is_ascii_digit());
    if is_float { text.parse::<f64>().ok().and_then(Number::from_f64) } else { None }
}

fn unsigned(digits: &str, radix: u32) -> Option<Number> {
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| u64::from_str_radix(digits, radix).ok()).flatten().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let check = |text: &str, expected: Value| assert_eq!(resolve(text), expected, "{text}");
        check("", Value::Null);
        check("~", Value::Null);
        check("True", json!(true));
        check("yes", json!("yes"));
        check("no", json!("no"));
        check("5", json!(5));
        check("-5", json!(-5));
        check("+5", json!(5));
        check("007", json!(7));
        check("0x1F", json!(31));
        check("0o17", json!(15));
        check("2.5", json!(2.5));
        check("1e3", json!(1000.0));
        check(".5", json!(0.5));
        check("16:9", json!("16:9"));
        check("1.2.3", json!("1.2.3"));
        check("-", json!("-"));
        check("2026-11-22", json!("2026-11-22"));
        check(".inf", json!(".inf"));
        check("1e999", json!("1e999"));
        check("99999999999999999999", json!("99999999999999999999"));
        check("90s", json!("90s"));
    }
}
