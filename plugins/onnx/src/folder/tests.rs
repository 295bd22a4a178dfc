//! What a folder must not be, and what of it is told together; and model folders for other tests.

use std::os::unix::fs::symlink;

use serde::Deserialize;
use tempfile::TempDir;

use super::*;

/// A contract of a model's files alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Plain {
    name: String,
    licence: Licence,
    components: BTreeMap<String, Component>,
}

impl Plain {
    /// A component, to be changed.
    pub(crate) fn component_mut(&mut self, role: &str) -> &mut Component {
        self.components.get_mut(role).expect("a component")
    }
}

impl Described for Plain {
    fn name(&self) -> &str {
        &self.name
    }

    fn licence(&self) -> &Licence {
        &self.licence
    }

    fn components(&self) -> &BTreeMap<String, Component> {
        &self.components
    }

    fn mistakes(&self) -> Vec<String> {
        crate::component::mistakes(&self.components)
    }
}

/// A model's folder with these files, and their components (role, file, and files of weights) in its contract.
pub(crate) fn model(files: &[(&str, &[u8])], components: &[(&str, &str, &[&str])]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let mut text = "name: plain\nlicence: {spdx: CC0-1.0}\ncomponents:\n".to_owned();
    let entry = |file: &str| {
        let bytes = files.iter().find(|(name, _)| *name == file).map_or(&[][..], |(_, bytes)| bytes);
        format!("file: {file}, sha256: {}", hex(&Sha256::digest(bytes)))
    };
    for (role, file, data) in components {
        let data = data.iter().map(|data| format!("{{{}}}", entry(data))).collect::<Vec<_>>().join(", ");
        text += &format!("  {role}: {{{}, data: [{data}]}}\n", entry(file));
    }
    for (file, bytes) in files.iter().chain([&("model.yaml", text.as_bytes())]) {
        fs::write(folder.path().join(file), bytes).expect("a file");
    }
    folder
}

#[test]
fn a_contract_that_is_a_link_out_of_the_folder_is_neither_read_nor_cited() {
    let (outside, folder) = (TempDir::new().expect("a folder"), model(&[], &[("a", "a.onnx", &[])]));
    let (secret, yaml) = (outside.path().join("secret"), folder.path().join("model.yaml"));
    fs::write(&secret, "password: 1234\n").expect("a file");
    fs::rename(&yaml, folder.path().join("own.yaml")).expect("renamed");
    symlink(&secret, &yaml).expect("a link");
    let refused = Model::<Plain>::open(folder.path()).expect_err("a link");
    assert_eq!(refused.code(), "model-file-outside");
    assert!(!refused.to_string().contains("password"), "{refused}");
    // One that stays inside is the folder's own.
    fs::remove_file(&yaml).expect("removed");
    symlink("own.yaml", &yaml).expect("a link");
    assert_eq!(Model::<Plain>::open(folder.path()).expect("a model").contract.name, "plain");
    fs::remove_file(folder.path().join("own.yaml")).expect("removed");
    assert_eq!(Model::<Plain>::open(folder.path()).expect_err("no file").code(), "model-contract-missing");
}

#[test]
fn files_that_are_missing_are_named_together() {
    let all = [("a", "a.onnx", &["a.data"][..]), ("b", "b.onnx", &[]), ("c", "../c.onnx", &[])];
    let folder = model(&[("a.data", b"")], &all);
    let refused = Model::<Plain>::open(folder.path()).expect("a model").bytes_on_disk("b").expect_err("no file");
    assert_eq!(refused.code(), "model-file-missing");
    let expected = "the component `b` of plain names the file b.onnx, which is not there; the component `a` of plain \
                    names the file a.onnx, which is not there; the component `c` of plain names ../c.onnx, which lies \
                    outside the model's folder";
    assert_eq!(refused.to_string(), expected);
    let folder = model(&[("a.onnx", b"12"), ("a.data", b"345")], &all);
    assert_eq!(Model::<Plain>::open(folder.path()).expect("a model").bytes_on_disk("a").expect("its files"), 5);
}
