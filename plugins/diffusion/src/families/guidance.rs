//! Classifier-free guidance (Ho and Salimans, 2022): what is predicted with the prompt, led away from what is predicted
//! without it. The two are asked for in two calls, or in one call with a batch of two.

use std::borrow::Cow;

use ndarray::{ArrayD, Axis, Slice, Zip, concatenate};

use super::text::Rows;
use crate::error::Error;
use crate::family::Calls;

/// What the transformer is told of a prompt, or of two at once.
pub struct Prompt {
    /// [batch, tokens, width]
    pub text: ArrayD<f32>,
    /// [batch, tokens]
    pub mask: ArrayD<i64>,
    /// 1 or 2.
    pub batch: usize,
}

impl Prompt {
    /// The text with one row in place of the empty ones behind all of its prompts, and for how many rows each stands:
    /// `[batch, rows, width]` and `[batch, rows]`. Rows that are the same have the same keys and values, so one of them counts
    /// in a softmax for all when the logarithm of their number is added to its scores.
    #[must_use]
    pub fn folded(&self) -> (ArrayD<f32>, ArrayD<f32>) {
        let rows = self.mask.shape()[1];
        let last = self.mask.axis_iter(Axis(1)).rposition(|row| row.iter().any(|m| *m != 0));
        let kept = (last.map_or(0, |last| last + 1) + 1).min(rows);
        let text = self.text.slice_axis(Axis(1), Slice::from(..kept)).to_owned();
        let mut weights = ArrayD::ones(vec![self.batch, kept]);
        weights.index_axis_mut(Axis(1), kept - 1).fill((rows - kept + 1) as f32);
        (text, weights)
    }
}

/// The prompt, and what to lead away from.
pub struct Prompts {
    towards: Prompt,
    away: Option<Prompt>,
    both: Option<Prompt>,
}

impl Prompts {
    /// From the rows of the prompt and, with guidance, of the other one.
    #[must_use]
    pub fn new(rows: &[Rows], calls: Calls) -> Self {
        let one = |rows: &Rows| Prompt { text: rows.values.clone(), mask: rows.mask.clone(), batch: 1 };
        // There is always one; the empty rows stand for none.
        let none = || Prompt { text: ArrayD::zeros(vec![1, 0, 0]), mask: ArrayD::zeros(vec![1, 0]), batch: 1 };
        let mut prompts = Self { towards: rows.first().map_or_else(none, one), away: rows.get(1).map(one), both: None };
        if let (Calls::Together, [towards, away, ..]) = (calls, rows) {
            let text = concatenate(Axis(0), &[towards.values.view(), away.values.view()]);
            let mask = concatenate(Axis(0), &[towards.mask.view(), away.mask.view()]);
            prompts.both = text.ok().zip(mask.ok()).map(|(text, mask)| Prompt { text, mask, batch: 2 });
        }
        prompts
    }

    /// The prompt, and then, if there is one, the one to lead away from.
    pub fn each(&self) -> impl Iterator<Item = &Prompt> {
        std::iter::once(&self.towards).chain(&self.away)
    }

    /// What `run` predicts with the prompt and, when it is `guided`, with the other one.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn predict(
        &self,
        guided: bool,
        run: &mut dyn FnMut(&Prompt) -> Result<ArrayD<f32>, Error>,
    ) -> Result<(ArrayD<f32>, Option<ArrayD<f32>>), Error> {
        match (&self.both, self.away.as_ref().filter(|_| guided)) {
            (Some(both), Some(_)) => {
                let predicted = run(both)?;
                let half = |at: usize| predicted.slice_axis(Axis(0), Slice::from(at..=at)).to_owned();
                Ok((half(0), Some(half(1))))
            }
            (_, away) => Ok((run(&self.towards)?, away.map(run).transpose()?)),
        }
    }
}

/// From what `away` predicts through what `towards` predicts and beyond.
pub fn guide(towards: &mut ArrayD<f32>, away: &ArrayD<f32>, guidance: f32) {
    Zip::from(towards).and(away).for_each(|c, u| *c = u + guidance * (*c - u));
}

/// An array of a batch of one for a batch of so many.
#[must_use]
pub fn repeated(one: &ArrayD<f32>, batch: usize) -> Cow<'_, ArrayD<f32>> {
    if batch == 1 {
        return Cow::Borrowed(one);
    }
    let views = vec![one.view(); batch];
    // They are the same array, so the fallback is never taken.
    concatenate(Axis(0), &views).map_or(Cow::Borrowed(one), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prompts of so many rows of six, and what they are folded to: how many rows each one stands for.
    fn check(lengths: &[usize], expected: &[&[f32]]) {
        let mask = ArrayD::from_shape_fn(vec![lengths.len(), 6], |at| i64::from(at[1] < lengths[at[0]]));
        let text = ArrayD::from_shape_fn(vec![lengths.len(), 6, 2], |at| (mask[[at[0], at[1]]] * 9) as f32);
        let (kept, weights) = Prompt { text: text.clone(), mask, batch: lengths.len() }.folded();
        let rows: Vec<Vec<f32>> = weights.outer_iter().map(|row| row.iter().copied().collect()).collect();
        assert_eq!(rows, expected, "{lengths:?}");
        assert_eq!(kept, text.slice_axis(Axis(1), Slice::from(..weights.shape()[1])));
    }

    #[test]
    fn rows_behind_the_longest_prompt_become_one() {
        check(&[2], &[&[1.0, 1.0, 4.0]]);
        check(&[2, 3], &[&[1.0, 1.0, 1.0, 3.0], &[1.0, 1.0, 1.0, 3.0]]);
        check(&[0], &[&[6.0]]);
        // One empty row, or none, is what it is.
        check(&[5], &[&[1.0; 6]]);
        check(&[6], &[&[1.0; 6]]);
        check(&[1, 6], &[&[1.0; 6], &[1.0; 6]]);
    }
}
