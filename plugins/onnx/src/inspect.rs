//! All files of a model held against its contract before the first of them is loaded: one that is broken is found in
//! seconds, not after hours of work by those before it.
//!
//! Invariant: what was found in order has its hash, lies in the model's folder with all of its weights, and declares the
//! ports that the family expects, as far as a file tells them. No graph is loaded for it and no weights are kept. It is all done
//! again by [`crate::Graph::open`] on what is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::declared::{Ports, Widths};
use crate::error::Error;
use crate::folder::{Described, Listed, Model};
use crate::hashes::Stamp;
use crate::port::{self, Port};
use crate::stored;

/// A component that will be loaded, and the ports that it must have.
pub struct Wanted<'a> {
    pub role: String,
    pub inputs: &'a [Port],
    pub outputs: &'a [Port],
}

/// The components of a model that were found in order, with what their files were then.
#[derive(Default)]
pub struct Inspected {
    files: BTreeMap<String, Vec<(PathBuf, Stamp)>>,
    widths: BTreeMap<String, ((PathBuf, Stamp), Widths)>,
}

impl Inspected {
    /// Holds components against the contract; those whose files are as they were the last time are not looked at again.
    /// Weights are hashed by so many threads.
    ///
    /// # Errors
    /// Those of [`Model::read_graph`], `model-port-mismatch`: everything that is wrong, in the order of the components. Weights,
    /// which may take minutes to hash, are looked at when nothing else is.
    pub fn inspect<C: Described + Sync>(
        &mut self,
        model: &Model<C>,
        wanted: &[Wanted<'_>],
        threads: usize,
    ) -> Result<(), Error> {
        let (mut found, mut weights, mut wrong) = (BTreeMap::new(), Vec::new(), Vec::new());
        // One after the other: a graph may have two gigabytes of weights in itself.
        for one in wanted.iter().filter(|one| !self.is_unchanged(&one.role)) {
            match examine(model, one, &mut wrong) {
                Ok((own, listed)) => {
                    found.insert(one.role.clone(), vec![own]);
                    weights.extend(listed);
                }
                Err(error) => wrong.push(error),
            }
        }
        Error::gathered(wrong)?;
        for (data, stamp) in weights.iter().zip(hash_all(model, &weights, threads)?) {
            found.entry(data.role.clone()).or_default().push((data.path.clone(), stamp));
        }
        self.files.extend(found);
        Ok(())
    }

    /// How wide the layers of a component's graph are; a file that is as it was the last time is not read again. Weights in files of
    /// their own are neither read nor hashed for it. Of a file that is not in order nothing is known: what is wrong is for
    /// [`Self::inspect`] to tell, beside what is wrong with others.
    pub fn widths<C: Described>(&mut self, model: &Model<C>, role: &str) -> Widths {
        let Ok(own) = model.stamp(role) else { return Widths::default() };
        if let Some((_, widths)) = self.widths.get(role).filter(|(then, _)| *then == own) {
            return *widths;
        }
        let widths = model.read(role).ok().and_then(|bytes| Widths::read(&bytes).ok());
        self.widths.extend(widths.map(|widths| (role.to_owned(), (own, widths))));
        widths.unwrap_or_default()
    }

    fn is_unchanged(&self, role: &str) -> bool {
        let same = |(path, then): &(PathBuf, Stamp)| fs::metadata(path).is_ok_and(|now| Stamp::of(&now) == *then);
        self.files.get(role).is_some_and(|files| files.iter().all(same))
    }
}

/// Holds one graph against the contract, its weights aside: what its own file was, and which weights it names. What is
/// wrong with its ports or its type is no reason to look no further, and goes to `wrong`.
fn examine<'a, C: Described>(
    model: &'a Model<C>,
    wanted: &Wanted<'_>,
    wrong: &mut Vec<Error>,
) -> Result<((PathBuf, Stamp), Vec<Listed<'a>>), Error> {
    // Before it is read.
    let own = model.stamp(&wanted.role)?;
    let file = &model.component(&wanted.role)?.file;
    let bytes = model.read(&wanted.role)?;
    let declared = Ports::read(&bytes).map_err(|reason| model.unreadable(file, reason))?;
    wrong.extend(port::check(model.contract.name(), file, &declared, wanted.inputs, wanted.outputs).err());
    wrong.extend(stored::check(model, &wanted.role, &bytes).err());
    Ok((own, model.listed(&wanted.role, &bytes)?))
}

/// Hashes files of weights, each of them once, and tells what they were; or all of them that are others than they should be.
fn hash_all<C: Described + Sync>(
    model: &Model<C>,
    weights: &[Listed<'_>],
    threads: usize,
) -> Result<Vec<Stamp>, Error> {
    let key = |data: &Listed<'_>| (data.path.clone(), data.entry.sha256.clone());
    let first = |at: &usize| weights[..*at].iter().all(|other| key(other) != key(&weights[*at]));
    let once: Vec<usize> = (0..weights.len()).filter(first).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || once.get(next.fetch_add(1, Ordering::Relaxed)).copied();
        std::iter::from_fn(take).map(|at| (at, model.hash(&weights[at]))).collect::<Vec<_>>()
    };
    let hashed: BTreeMap<usize, Result<Stamp, Error>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, once.len().max(1))).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    let (mut stamps, mut wrong) = (BTreeMap::new(), Vec::new());
    for (at, result) in hashed {
        match result {
            Ok(stamp) => drop(stamps.insert(key(&weights[at]), stamp)),
            Err(error) => wrong.push(error),
        }
    }
    Error::gathered(wrong)?;
    Ok(weights.iter().filter_map(|data| stamps.get(&key(data)).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::tests::field;
    use crate::folder::tests::{Plain, model};

    const F32: u8 = 1;
    const I64: u8 = 7;

    /// A graph with inputs of these types, and weights in this file.
    fn graph(inputs: &[(&str, u8)], weights: Option<&str>) -> Vec<u8> {
        let input = |(name, element): &(&str, u8)| {
            field(11, &[field(1, name.as_bytes()), field(2, &field(1, &[1 << 3, *element]))].concat())
        };
        let mut inner: Vec<u8> = inputs.iter().flat_map(input).collect();
        if let Some(file) = weights {
            let location = field(13, &[field(1, b"location"), field(2, file.as_bytes())].concat());
            inner.extend(field(5, &[field(8, b"w"), location, vec![14 << 3, 1]].concat()));
        }
        field(7, &inner)
    }

    fn inspect(folder: &tempfile::TempDir, wanted: &[(&str, &[Port])]) -> Error {
        let model = Model::<Plain>::open(folder.path()).expect("a model");
        let wanted: Vec<_> =
            wanted.iter().map(|(role, inputs)| Wanted { role: (*role).into(), inputs, outputs: &[] }).collect();
        Inspected::default().inspect(&model, &wanted, 2).expect_err("what is wrong")
    }

    #[test]
    fn ports_and_files_that_are_wrong_are_told_together() {
        let text = graph(&[("ids", F32), ("more", F32), ("most", F32)], None);
        let decoder = graph(&[("latent", F32)], Some("decoder.data"));
        let files = [("text.onnx", &text[..]), ("decoder.onnx", &decoder)];
        let folder = model(
            &files,
            &[("text", "text.onnx", &[]), ("transformer", "transformer.onnx", &[]), ("decoder", "decoder.onnx", &[])],
        );
        let (ids, any) = ([Port::i64("ids", &[None])], [Port::float("z", &[None]), Port::i64("t", &[])]);
        let found = inspect(&folder, &[("text", &ids), ("transformer", &any), ("decoder", &any)]);
        assert_eq!(found.code(), "model-port-mismatch");
        let expected = [
            "text.onnx of plain: the input `ids` is f32 [] where model.yaml and its family ask for i64 [any]",
            "the inputs `more`, `most` are unknown to this family, which feeds ids",
            "the component `transformer` of plain names the file transformer.onnx, which is not there",
            "decoder.onnx of plain: the inputs `z`, `t` are missing (the graph declares latent)",
            "the input `latent` is unknown to this family, which feeds z, t",
            "the component `decoder` of plain names the file decoder.data, which is not there",
        ];
        assert_eq!(found.to_string(), expected.join("; "));
        assert!(found.hint().starts_with("copy the model again, completely, or export it again"), "{}", found.hint());
    }

    #[test]
    fn weights_that_are_others_are_told_together() {
        let (a, b) = (graph(&[("x", I64)], Some("a.data")), graph(&[("x", I64)], Some("b.data")));
        let files = [("a.onnx", &a[..]), ("b.onnx", &b), ("a.data", b"1"), ("b.data", b"2")];
        let folder = model(&files, &[("a", "a.onnx", &["a.data"]), ("b", "b.onnx", &["b.data"])]);
        for file in ["a.data", "b.data"] {
            fs::write(folder.path().join(file), "other").expect("a file");
        }
        let x = [Port::i64("x", &[])];
        let found = inspect(&folder, &[("a", &x), ("b", &x)]);
        assert_eq!(found.code(), "model-hash-mismatch");
        let (said, hint) = (found.to_string(), found.hint());
        assert!(said.starts_with("a.data of plain has the hash") && said.contains("; b.data of plain has"), "{said}");
        assert!(hint.starts_with("the file is damaged or another version"), "{hint}");
    }
}
