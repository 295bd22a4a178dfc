//! The figures, for people and for programs.

use serde_json::{Value, json};

/// One figure.
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// Below this, if there is a goal.
    pub goal: Option<f64>,
    /// Where the figure comes from, or how it spreads.
    pub note: String,
}

/// All figures of a run.
pub struct Report {
    pub machine: String,
    figures: Vec<Figure>,
}

impl Report {
    pub fn new(machine: String) -> Self {
        Self { machine, figures: Vec::new() }
    }

    pub fn add(&mut self, name: &'static str, value: f64, unit: &'static str, note: impl Into<String>) {
        self.figures.push(Figure { name, value, unit, goal: None, note: note.into() });
    }

    /// A figure that should stay under a goal.
    pub fn judge(&mut self, name: &'static str, value: f64, unit: &'static str, goal: f64, note: impl Into<String>) {
        self.figures.push(Figure { name, value, unit, goal: Some(goal), note: note.into() });
    }

    pub fn get(&self, name: &str) -> f64 {
        self.figures.iter().find(|f| f.name == name).map_or(f64::NAN, |f| f.value)
    }

    pub fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| {
                let met = f.goal.map(|g| f.value <= g);
                json!({"name": f.name, "value": f.value, "unit": f.unit, "goal": f.goal, "met": met, "note": f.note})
            })
            .collect();
        json!({"machine": self.machine, "figures": figures})
    }

    /// A table that is also Markdown.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n\n| what | figure | goal | how |\n|---|---:|---|---|\n", self.machine);
        for f in &self.figures {
            let goal = match f.goal {
                None => String::new(),
                Some(g) => format!("at most {g} {}: {}", f.unit, if f.value <= g { "met" } else { "MISSED" }),
            };
            let digits = match f.value {
                v if v.fract() == 0.0 || v >= 100.0 => 0,
                _ if f.unit == "times" => 3,
                _ => 2,
            };
            // Nothing is 0, not -0.
            text += &format!("| {} | {:.digits$} {} | {goal} | {} |\n", f.name, f.value + 0.0, f.unit, f.note);
        }
        text
    }
}

/// Of an even number the mean of the two in the middle, so that two rounds favour nobody.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The value below which a share of the values lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
