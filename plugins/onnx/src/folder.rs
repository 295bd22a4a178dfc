//! A model folder: its `model.yaml`, and its files, confined and hashed.
//!
//! Invariant: a [`Model`] has a contract whose figures fit each other. A file's bytes are handed out only when it lies
//! inside the folder after every link is resolved and has the hash the contract names; the bytes that were hashed are
//! the bytes that are used. Files of weights are too large for that: they are hashed as a stream and then mapped by
//! ONNX Runtime, and a change of the file in between is noticed by its identity, size and time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component as PathPart, Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::component::{Component, DataFile, Dtype, Licence};
use crate::error::Error;
use crate::external;
pub use crate::hashes::sha256;
use crate::hashes::{Stamp, hex, known};
use crate::provider::Provider;
use crate::stored;

/// The file that says what a model is.
const CONTRACT: &str = "model.yaml";
/// The largest one that is read, in bytes.
const MAX_CONTRACT: u64 = 256 * 1024;

/// What every kind of contract can be asked.
pub trait Described: DeserializeOwned {
    /// The model's name, with its version.
    fn name(&self) -> &str;

    /// On which terms it may be used.
    fn licence(&self) -> &Licence;

    /// Its files by role.
    fn components(&self) -> &BTreeMap<String, Component>;

    /// Everything that is wrong with its figures, one sentence each.
    fn mistakes(&self) -> Vec<String>;

    /// The contract of a folder without a `model.yaml`, where other files of it tell what would stand there; `None` when
    /// there are none that could.
    ///
    /// # Errors
    /// `model-contract-invalid`: what those files do not tell.
    fn derive(_folder: &Path) -> Result<Option<Derived>, Error> {
        Ok(None)
    }
}

/// A contract that was put together from other files.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The file that told the most, for messages.
    pub source: PathBuf,
    /// As it would stand in `model.yaml`.
    pub text: String,
}

/// A model folder whose contract has been read and checked.
#[derive(Clone, Debug)]
pub struct Model<C> {
    pub contract: C,
    /// Over `model.yaml`, which names the hash of every file: stands for the whole model.
    pub sha256: String,
    /// The contract as it was read.
    pub text: String,
    /// Whether the contract was put together from other files, because there is no `model.yaml`.
    pub derived: bool,
    folder: PathBuf,
    source: PathBuf,
}

/// A graph's bytes, and where its weights lie.
pub struct GraphFile {
    pub bytes: Vec<u8>,
    /// The folder that locations of external data are relative to.
    pub(crate) folder: PathBuf,
    /// Files of weights with what they were when they were hashed.
    pub(crate) data: Vec<(PathBuf, Stamp)>,
}

impl GraphFile {
    /// Ties the graph's chance to a seed, and tells how many nodes draw random numbers.
    ///
    /// # Errors
    /// What is wrong, when the bytes are no protocol buffer.
    pub fn seed(&mut self, seed: u32) -> Result<usize, String> {
        let (bytes, count) = crate::seed::seeded(&self.bytes, seed)?;
        self.bytes = bytes;
        Ok(count)
    }
}

/// A file of weights that a graph names and the contract lists.
pub(crate) struct Listed<'a> {
    pub(crate) role: String,
    pub(crate) entry: &'a DataFile,
    pub(crate) path: PathBuf,
}

/// A file of a model, as a recipe names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileHash<'a> {
    /// Path inside the model's folder.
    pub file: &'a str,
    /// Lower-case hex.
    pub sha256: &'a str,
}

impl<C: Described> Model<C> {
    /// Reads `model.yaml` of a folder, or what stands for it.
    ///
    /// # Errors
    /// `model-contract-missing`, `model-contract-invalid`, `model-file-outside` for a `model.yaml` that is a link out of
    /// the folder: what it leads to is no more to be read, or cited in a message, than another file out there.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let yaml = folder.join(CONTRACT);
        let (file, text, derived) = match confined(folder, CONTRACT) {
            Ok(path) => {
                let text = read(&path).map_err(|reason| Error::ContractInvalid { file: yaml.clone(), reason })?;
                (yaml, text, false)
            }
            Err(Refused::Outside) => return Err(Error::ContractOutside { file: yaml }),
            Err(Refused::Missing) => match C::derive(folder)? {
                Some(Derived { source, text }) => (source, text, true),
                None => return Err(Error::ContractMissing { folder: folder.into() }),
            },
        };
        let invalid = |reason: String| Error::ContractInvalid { file: file.clone(), reason };
        let contract: C = serde_saphyr::from_str(&text).map_err(|e| {
            let (line, column) = e.location().map_or((1, 1), |p| (p.line(), p.column()));
            let reason = reason(&e.without_snippet().to_string(), &text, line);
            Error::ContractSyntax { file: file.clone(), line, column, reason }
        })?;
        let mistakes = contract.mistakes();
        if !mistakes.is_empty() {
            return Err(invalid(mistakes.join("; ")));
        }
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self { contract, sha256, text, derived, folder: folder.into(), source: file })
    }

    /// The entry of a component.
    ///
    /// # Errors
    /// `model-contract-invalid` when there is none.
    pub fn component(&self, role: &str) -> Result<&Component, Error> {
        self.contract.components().get(role).ok_or_else(|| Error::ContractInvalid {
            file: self.source.clone(),
            reason: format!("`components` has no `{role}`, which this family needs"),
        })
    }

    /// The files of each component with their hashes, for recipes.
    #[must_use]
    pub fn files(&self) -> BTreeMap<&str, Vec<FileHash<'_>>> {
        let components = self.contract.components().iter();
        components
            .map(|(role, part)| {
                let own = FileHash { file: &part.file, sha256: &part.sha256 };
                let data = part.data.iter().map(|d| FileHash { file: &d.file, sha256: &d.sha256 });
                (role.as_str(), std::iter::once(own).chain(data).collect())
            })
            .collect()
    }

    /// Whether the contract has a component.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.contract.components().contains_key(role)
    }

    /// The content of a component's file, which has the hash the contract names.
    ///
    /// # Errors
    /// `model-contract-invalid` when the contract has no such component, `model-file-missing`, `model-file-outside`,
    /// `model-hash-mismatch`.
    pub fn read(&self, role: &str) -> Result<Vec<u8>, Error> {
        let entry = self.component(role)?;
        let path = self.confined(role, &entry.file)?;
        let bytes = fs::read(&path).map_err(|_| self.missing(role, &entry.file))?;
        self.same_hash(&entry.file, &entry.sha256, hex(&Sha256::digest(&bytes)))?;
        Ok(bytes)
    }

    /// A component's graph. Every file that ONNX Runtime would open for it is one of the component's `data`, lies in
    /// the folder and has its hash.
    ///
    /// # Errors
    /// Those of [`Self::read`], `model-unreadable`, `model-file-unlisted`, and `model-contract-invalid` when its weights are of another
    /// type than the contract says.
    pub fn read_graph(&self, role: &str) -> Result<GraphFile, Error> {
        let bytes = self.read(role)?;
        stored::check(self, role, &bytes)?;
        let data = self.listed(role, &bytes)?;
        let data = data.into_iter().map(|data| Ok((data.path.clone(), self.hash(&data)?))).collect::<Result<_, _>>()?;
        let entry = self.component(role)?;
        let beside = Path::new(&entry.file).parent().unwrap_or(Path::new(""));
        let folder = self.folder.canonicalize().map_err(|_| self.missing(role, &entry.file))?.join(beside);
        Ok(GraphFile { bytes, folder, data })
    }

    /// The files of weights that a component's graph names, all of them in the folder and in the contract. Their hashes
    /// have not been taken.
    pub(crate) fn listed(&self, role: &str, graph: &[u8]) -> Result<Vec<Listed<'_>>, Error> {
        let entry = self.component(role)?;
        let locations = external::locations(graph).map_err(|reason| self.unreadable(&entry.file, reason))?;
        let beside = Path::new(&entry.file).parent().unwrap_or(Path::new(""));
        let (mut data, mut wrong) = (Vec::new(), Vec::new());
        for location in locations {
            let file = beside.join(&location);
            let known = entry.data.iter().find(|d| same_path(Path::new(&d.file), &file));
            match (self.confined(role, &file.display().to_string()), known) {
                (Ok(path), Some(entry)) => data.push(Listed { role: role.into(), entry, path }),
                (Ok(_), None) => wrong.push(Error::FileUnlisted {
                    model: self.contract.name().into(),
                    component: role.into(),
                    file: location,
                }),
                (Err(refused), _) => wrong.push(refused),
            }
        }
        Error::gathered(wrong)?;
        Ok(data)
    }

    /// Takes the hash of a file of weights, which is the one that the contract names.
    pub(crate) fn hash(&self, data: &Listed<'_>) -> Result<Stamp, Error> {
        let (hash, stamp) = known(&data.path).map_err(|_| self.missing(&data.role, &data.entry.file))?;
        self.same_hash(&data.entry.file, &data.entry.sha256, hash)?;
        Ok(stamp)
    }

    /// What a component's own file is, without reading it.
    pub(crate) fn stamp(&self, role: &str) -> Result<(PathBuf, Stamp), Error> {
        let entry = self.component(role)?;
        let path = self.confined(role, &entry.file)?;
        let stamp = Stamp::of(&fs::metadata(&path).map_err(|_| self.missing(role, &entry.file))?);
        Ok((path, stamp))
    }

    pub(crate) fn unreadable(&self, file: &str, reason: String) -> Error {
        Error::Unreadable { model: self.contract.name().into(), file: file.into(), reason }
    }

    /// Bytes that a component's files have on disk, without reading them.
    ///
    /// # Errors
    /// `model-contract-invalid`, `model-file-missing`, `model-file-outside`. Where one of its files can't be used, those of
    /// other components that can't be are named as well: a copy that broke off lacks more than one.
    pub fn bytes_on_disk(&self, role: &str) -> Result<u64, Error> {
        let sizes: Result<u64, Error> = files(self.component(role)?).map(|file| self.size(role, file)).sum();
        sizes.map_err(|alone| self.refused_files(role).err().unwrap_or(alone))
    }

    /// Bytes that a component's weights take where they are computed with: the processor computes with 32 bits, however they are stored.
    /// The provider is the one that computes, as [`crate::Engine::gets`] tells; `auto` is reckoned as the processor.
    ///
    /// # Errors
    /// Those of [`Self::bytes_on_disk`].
    pub fn bytes_in_memory(&self, role: &str, provider: Provider) -> Result<u64, Error> {
        let widened = provider.may_be_processor() && self.is_half(role)?;
        Ok(self.bytes_on_disk(role)?.saturating_mul(if widened { 2 } else { 1 }))
    }

    /// Whether a component is stored with 16 bits, by the contract or, where that leaves it open, by most weights of its graph.
    ///
    /// # Errors
    /// Those of [`Self::component`].
    pub fn is_half(&self, role: &str) -> Result<bool, Error> {
        let dtype = self.component(role)?.dtype.or_else(|| stored::dtype(self, role));
        Ok(matches!(dtype, Some(Dtype::F16 | Dtype::Bf16)))
    }

    /// Every file that is not there or lies outside, those of one component first.
    fn refused_files(&self, first: &str) -> Result<(), Error> {
        let mut components: Vec<_> = self.contract.components().iter().collect();
        components.sort_by_key(|(role, _)| *role != first);
        let all = components.into_iter().flat_map(|(role, entry)| files(entry).map(move |file| (role, file)));
        Error::gathered(all.filter_map(|(role, file)| self.confined(role, file).err()).collect())
    }

    fn size(&self, role: &str, file: &str) -> Result<u64, Error> {
        let path = self.confined(role, file)?;
        Ok(fs::metadata(path).map_err(|_| self.missing(role, file))?.len())
    }

    /// A file's real path, which lies inside the folder.
    fn confined(&self, role: &str, file: &str) -> Result<PathBuf, Error> {
        let outside =
            || Error::FileOutside { model: self.contract.name().into(), component: role.into(), file: file.into() };
        match confined(&self.folder, file) {
            Ok(path) => Ok(path),
            Err(Refused::Outside) => Err(outside()),
            Err(Refused::Missing) => Err(self.missing(role, file)),
        }
    }

    fn missing(&self, role: &str, file: &str) -> Error {
        Error::FileMissing { model: self.contract.name().into(), component: role.into(), file: file.into() }
    }

    fn same_hash(&self, file: &str, expected: &str, found: String) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        Err(Error::HashMismatch {
            model: self.contract.name().into(),
            file: file.into(),
            expected: expected.into(),
            found,
        })
    }
}

/// Why a file of a folder can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not there, or no plain file.
    Missing,
    /// It lies outside the folder, by its name or by a link.
    Outside,
}

/// The real path of a plain file inside a folder.
///
/// # Errors
/// Why it is refused; the file is not opened.
pub fn confined(folder: &Path, file: &str) -> Result<PathBuf, Refused> {
    let plain = |part| matches!(part, PathPart::Normal(_) | PathPart::CurDir);
    if file.is_empty() || !Path::new(file).components().all(plain) {
        return Err(Refused::Outside);
    }
    let root = folder.canonicalize().map_err(|_| Refused::Missing)?;
    let path = root.join(file).canonicalize().map_err(|_| Refused::Missing)?;
    if !path.starts_with(&root) {
        return Err(Refused::Outside);
    }
    if path.is_file() { Ok(path) } else { Err(Refused::Missing) }
}

/// The SHA-256 of a file of a model in lower-case hex: one that this process has hashed before and that has not changed since is not read again.
///
/// # Errors
/// When it can't be read.
pub fn known_sha256(path: &Path) -> std::io::Result<String> {
    known(path).map(|(hash, _)| hash)
}

/// A component's own file, and those of its weights.
fn files(component: &Component) -> impl Iterator<Item = &str> {
    std::iter::once(component.file.as_str()).chain(component.data.iter().map(|data| data.file.as_str()))
}

/// A contract's text, when it is of a size that contracts have.
fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(path).map_err(|e| e.to_string())?;
    opened.take(MAX_CONTRACT + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > MAX_CONTRACT {
        return Err(format!("it is longer than {} KiB", MAX_CONTRACT / 1024));
    }
    Ok(text)
}

/// Whether two relative paths mean the same file, `./` aside.
fn same_path(a: &Path, b: &Path) -> bool {
    let parts = |path: &Path| -> Vec<_> {
        path.components().filter(|p| *p != PathPart::CurDir).map(|p| p.as_os_str().to_owned()).collect()
    };
    parts(a) == parts(b)
}

/// What the parser says, without the place (that is said apart), and with the line it means.
fn reason(said: &str, text: &str, line: u64) -> String {
    let said = said.lines().next().unwrap_or_default();
    let said = said.split(" at line ").next().unwrap_or(said);
    let index = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    match text.lines().nth(index).map(str::trim).filter(|l| !l.is_empty()) {
        Some(meant) => format!("{said}, in `{}`", meant.chars().take(120).collect::<String>()),
        None => said.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
