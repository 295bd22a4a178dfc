//! Where the operators of a graph ran: what a provider leaves to the processor takes its values there and back each time.
//!
//! ONNX Runtime tells it in the profile of a run. Invariant: only the first run of a graph is profiled, and a profile that can't
//! be had or read changes nothing.

use std::collections::BTreeMap;
use std::fs;

use crate::provider::Provider;
use crate::replay::GRAPH_ID;
use ort::session::RunOptions;
use serde::Deserialize;
use tempfile::TempDir;

/// ONNX Runtime's name of the processor.
const PROCESSOR: &str = "CPUExecutionProvider";
/// Kinds of operators that are named; of more the rest is counted.
const NAMED: usize = 4;

/// A run whose profile will be read.
pub(crate) struct Profiled {
    provider: Provider,
    folder: TempDir,
    pub(crate) options: RunOptions,
}

impl Profiled {
    /// `None` where the processor was asked for.
    pub(crate) fn new(provider: Provider) -> Option<Self> {
        if provider == Provider::Cpu {
            return None;
        }
        let folder = TempDir::new().ok()?;
        let mut options = RunOptions::new().ok()?;
        options.enable_profiling(folder.path().join("run")).ok()?;
        // A recording would be made of it otherwise.
        options.set(GRAPH_ID, "-1").ok()?;
        Some(Self { provider, folder, options })
    }

    /// What a person should know after the run: operators that the processor ran though another provider was asked for.
    pub(crate) fn told(self, component: &str, model: &str) -> Option<String> {
        let file = fs::read_dir(self.folder.path()).ok()?.find_map(Result::ok)?;
        let part = said(&fs::read_to_string(file.path()).ok()?)?;
        let provider = self.provider;
        Some(format!("`provider: {provider}`: {part} of the component `{component}` of {model} ran on the processor"))
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
struct Args {
    #[serde(default)]
    op_name: String,
    #[serde(default)]
    provider: String,
}

/// The processor's part by a profile; `None` when it had none.
fn said(profile: &str) -> Option<String> {
    let events: Vec<Event> = serde_json::from_str(profile).ok()?;
    // A node runs once a run, unless it lies in a loop.
    let ran = events.iter().filter(|e| e.cat == "Node" && e.name.ends_with("_kernel_time"));
    let nodes: BTreeMap<&str, &Args> = ran.map(|e| (e.name.as_str(), &e.args)).collect();
    let mut kinds = BTreeMap::new();
    for node in nodes.values().filter(|node| node.provider == PROCESSOR) {
        *kinds.entry(node.op_name.as_str()).or_insert(0_usize) += 1;
    }
    let (here, all) = (kinds.values().sum::<usize>(), nodes.len());
    if here == 0 {
        return None;
    }
    if here == all {
        return Some(format!("all {all} operators"));
    }
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut named: Vec<String> = kinds.iter().take(NAMED).map(|(kind, count)| format!("{count} {kind}")).collect();
    let rest: usize = kinds.iter().skip(NAMED).map(|(_, count)| count).sum();
    named.extend((rest > 0).then(|| format!("{rest} others")));
    Some(format!("{here} ({}) of {all} operators", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn the_processors_part_is_told() {
        let check = |nodes: &[(&str, &str, &str)], expected: Option<&str>| {
            let node = |(name, kind, provider): &(&str, &str, &str)| {
                format!(
                    r#"{{"cat":"Node","name":"{name}_kernel_time","args":{{"op_name":"{kind}","provider":"{provider}ExecutionProvider"}}}}"#
                )
            };
            let session = r#"{"cat":"Session","name":"model_run","dur":9,"args":{}}"#.to_owned();
            let events: Vec<String> = std::iter::once(session).chain(nodes.iter().map(node)).collect();
            assert_eq!(said(&format!("[{}]", events.join(","))).as_deref(), expected);
        };
        check(&[("a", "MatMul", "CUDA"), ("b", "MatMul", "CUDA")], None);
        check(&[], None);
        check(
            &[("a", "MatMul", "CUDA"), ("b", "Gather", "CPU"), ("b", "Gather", "CPU")],
            Some("1 (1 Gather) of 2 operators"),
        );
        check(&[("a", "MatMul", "CPU"), ("b", "Gather", "CPU")], Some("all 2 operators"));
        let kinds = [("1", "A"), ("2", "B"), ("3", "C"), ("4", "D"), ("5", "E"), ("6", "F"), ("7", "F")];
        let mut many: Vec<_> = kinds.map(|(name, kind)| (name, kind, "CPU")).to_vec();
        many.push(("x", "MatMul", "CUDA"));
        check(&many, Some("7 (2 F, 1 A, 1 B, 1 C, 2 others) of 8 operators"));
        assert_eq!(said("not a profile"), None);
    }
}
