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
