//! From a prompt to the text encoder's rows, as the T5 families do it.

use ndarray::{Array2, ArrayD, s};
use spotloom_onnx::{Error as ModelError, Port, Tensor};
use tokenizers::models::bpe::BPE;
use tokenizers::{Tokenizer, TruncationParams};

use super::clean::clean;
use super::embeddings;
use super::parts::{Loader, Part};
use crate::contract::{Mask, Model};
use crate::error::Error;

/// A model's tokenizer, set to its prompt length.
///
/// # Errors
/// `model-file-missing` and its kin, `model-unreadable`.
fn tokenizer(model: &Model) -> Result<Tokenizer, ModelError> {
    let unreadable = |reason: String| ModelError::Unreadable {
        model: model.contract.name.clone(),
        file: model.contract.components.get("tokenizer").map_or_else(String::new, |c| c.file.clone()),
        reason,
    };
    let mut tokenizer = Tokenizer::from_bytes(model.read("tokenizer")?).map_err(|e| unreadable(e.to_string()))?;
    // Cutting here keeps the closing token, as the reference does; padding is ours.
    tokenizer.with_padding(None);
    let cut = TruncationParams { max_length: model.contract.prompt.tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(cut)).map_err(|e| unreadable(e.to_string()))?;
    Ok(tokenizer)
}

/// Tokenizer and text encoder of a model, as the T5 families have them.
pub struct TextEncoder {
    tokenizer: Tokenizer,
    pub part: Part,
}

/// What the transformer is told of a prompt.
#[derive(Clone, Debug)]
pub struct Rows {
    /// [1, tokens, width]
    pub values: ArrayD<f32>,
    /// 1 where a row is the prompt's, 0 where it is padding: [1, tokens].
    pub mask: ArrayD<i64>,
}

impl TextEncoder {
    /// Reads the tokenizer, where its file can be used; the encoder is loaded when it is needed.
    pub fn new(loader: &mut Loader) -> Self {
        let model = &loader.model;
        let tokens = Some(model.contract.prompt.tokens);
        let ids = [None, tokens];
        let mut inputs = vec![Port::i64("input_ids", &ids)];
        if model.contract.prompt.mask == Mask::Zeroed {
            inputs.push(Port::i64("attention_mask", &ids).optional());
        }
        let part = Part::new("text-encoder", inputs, vec![Port::float("hidden_states", &[None, tokens, None])]);
        let read = tokenizer(model);
        Self { tokenizer: loader.hold(read, || Tokenizer::new(BPE::default())), part }
    }

    /// The encoder with what it needs, unless all the prompts were encoded before.
    #[must_use]
    pub fn needs(&self, loader: &Loader, prompts: &[&str]) -> Option<(&Part, u64)> {
        let known = |prompt: &&str| loader.remembered(prompt).is_some_and(|key| embeddings::has(&key));
        (!prompts.iter().all(known)).then_some((&self.part, 0))
    }

    /// Tokenises prompts and encodes them, one after the other; then the encoder may go.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode(&mut self, loader: &mut Loader, prompts: &[&str]) -> Result<Vec<Rows>, Error> {
        let rows = prompts.iter().map(|prompt| self.recall(loader, prompt)).collect();
        self.part.rest(loader);
        rows
    }

    /// The rows of a prompt, from an earlier shot when there are any.
    fn recall(&mut self, loader: &mut Loader, prompt: &str) -> Result<Rows, Error> {
        let key = loader.remembered(prompt);
        if let Some(rows) = key.as_ref().and_then(embeddings::find) {
            return Ok(rows);
        }
        let rows = self.encode_one(loader, prompt)?;
        // What full precision made in place of the model's own weights is another shot's business; whatever else there is to warn of,
        // such as operators that an accelerator leaves to the processor, the rows are the same the next time.
        if let Some(key) = key.filter(|_| self.part.is_own()) {
            embeddings::keep(key, &rows);
        }
        Ok(rows)
    }

    fn encode_one(&mut self, loader: &mut Loader, prompt: &str) -> Result<Rows, Error> {
        let settings = loader.model.contract.prompt;
        let cleaned = if settings.clean { clean(prompt) } else { prompt.to_owned() };
        let encoding = self.tokenizer.encode(cleaned, true).map_err(|e| ModelError::Inference {
            model: loader.name(),
            component: "tokenizer".into(),
            reason: e.to_string(),
        })?;
        let padding = self.tokenizer.token_to_id("<pad>").unwrap_or(0);
        let length = encoding.get_ids().len().min(settings.tokens);
        let mut ids = Array2::from_elem((1, settings.tokens), i64::from(padding));
        let mut mask = Array2::<i64>::zeros((1, settings.tokens));
        for (slot, id) in encoding.get_ids().iter().take(length).enumerate() {
            ids[[0, slot]] = i64::from(*id);
            mask[[0, slot]] = 1;
        }
        let inputs = [
            ("input_ids", Tensor::I64(ids.view().into_dyn())),
            ("attention_mask", Tensor::I64(mask.view().into_dyn())),
        ];
        let (mut values, _) = self.part.run(loader, &inputs, "hidden_states", &|| "the encoded prompt".into())?;
        if settings.mask == Mask::Zeroed {
            values.slice_mut(s![.., length.., ..]).fill(0.0);
        }
        Ok(Rows { values, mask: mask.into_dyn() })
    }
}
