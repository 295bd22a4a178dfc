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

use crate::declared::Ports;
use crate::error::Error;
use crate::folder::{Described, Listed, Model};
use crate::hashes::Stamp;
use crate::port::{self, Port};

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
}

impl Inspected {
    /// Holds components against the contract; those whose files are as they were the last time are not looked at again.
    /// Weights are hashed by so many threads.
    ///
    /// # Errors
    /// Those of [`Model::read_graph`], `model-port-mismatch`. Of several broken components one is named.
    pub fn inspect<C: Described + Sync>(
        &mut self,
        model: &Model<C>,
        wanted: &[Wanted<'_>],
        threads: usize,
    ) -> Result<(), Error> {
        let (mut found, mut weights) = (BTreeMap::new(), Vec::new());
        for one in wanted.iter().filter(|one| !self.is_unchanged(&one.role)) {
            // Before it is read.
            let own = model.stamp(&one.role)?;
            let file = &model.component(&one.role)?.file;
            // One after the other: a graph may have two gigabytes of weights in itself.
            let (bytes, listed) = model.listed(&one.role)?;
            let declared = Ports::read(&bytes).map_err(|reason| model.unreadable(file, reason))?;
            port::check(model.contract.name(), file, &declared, one.inputs, one.outputs)?;
            found.insert(one.role.clone(), vec![own]);
            weights.extend(listed);
        }
        for (data, stamp) in weights.iter().zip(hash_all(model, &weights, threads)?) {
            found.entry(data.role.clone()).or_default().push((data.path.clone(), stamp));
        }
        self.files.extend(found);
        Ok(())
    }

    fn is_unchanged(&self, role: &str) -> bool {
        let same = |(path, then): &(PathBuf, Stamp)| fs::metadata(path).is_ok_and(|now| Stamp::of(&now) == *then);
        self.files.get(role).is_some_and(|files| files.iter().all(same))
    }
}

/// Hashes files of weights, each of them once, and tells what they were. The error is that of the first that has one.
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
    let mut stamps = BTreeMap::new();
    for (at, result) in hashed {
        stamps.insert(key(&weights[at]), result?);
    }
    Ok(weights.iter().filter_map(|data| stamps.get(&key(data)).copied()).collect())
}
