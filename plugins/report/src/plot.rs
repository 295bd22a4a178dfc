//! Loudness over time, as the numbers of a small SVG drawing.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Size of the drawing's field.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
/// LUFS at its top and bottom.
const TOP: f64 = 0.0;
const BOTTOM: f64 = -50.0;

/// What the template draws; none without a curve.
pub(crate) fn loudness(loudness: &Value) -> Option<Value> {
    let curve = loudness["curve"].as_array().filter(|c| c.len() > 1)?;
    let point = |v: &Value| Some((v[0].as_f64()?, v[1].as_f64()?, v[2].as_f64()?));
    let points: Vec<(f64, f64, f64)> = curve.iter().filter_map(point).collect();
    let seconds = points.last()?.0.max(0.1);
    let x = |t: f64| t / seconds * WIDTH;
    let y = |l: f64| ((TOP - l.clamp(BOTTOM, TOP)) / (TOP - BOTTOM) * HEIGHT * 10.0).round() / 10.0;
    let path = |level: fn(&(f64, f64, f64)) -> f64, from: f64| {
        let mut path = String::new();
        for p in points.iter().filter(|p| p.0 >= from) {
            // Writing to a String can't fail.
            let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, x(p.0), y(level(p)));
        }
        path
    };
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0]
        .into_iter()
        .find(|s| seconds / s <= 10.0)
        .unwrap_or(600.0);
    let times: Vec<Value> = (0..=(seconds / step) as u32)
        .map(|i| json!({"x": x(f64::from(i) * step), "text": f64::from(i) * step}))
        .collect();
    let levels: Vec<Value> = [-10.0, -20.0, -30.0, -40.0].iter().map(|l| json!({"y": y(*l), "text": l})).collect();
    let target = loudness["target-lufs"].as_f64().map(|t| json!({"y": y(t), "text": t}));
    // The first windows of 400 ms and 3 s are not full yet: what is measured in them is how full they are.
    Some(json!({
        "width": WIDTH, "height": HEIGHT,
        "momentary": path(|p| p.1, 0.4), "short": path(|p| p.2, 3.0),
        "times": times, "levels": levels, "target": target,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_within_its_field() {
        let curve: Vec<Value> =
            (1..=50).map(|i| json!([f64::from(i) / 10.0, -14.0 + f64::from(i % 3), -90.0])).collect();
        let plot = loudness(&json!({"curve": curve, "target-lufs": -14.0})).unwrap();
        let path = plot["momentary"].as_str().unwrap();
        assert!(path.starts_with("M51.2 ") && path.contains("L640.0 "), "{path}");
        assert!(plot["short"].as_str().unwrap().ends_with("L640.0 150.0"), "kept inside");
        assert_eq!(plot["target"]["y"], 42.0);
        assert_eq!(loudness(&json!({"curve": []})), None);
        assert_eq!(loudness(&Value::Null), None);
    }
}
