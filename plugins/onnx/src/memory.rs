//! How much memory there is, and a no with figures before the kernel says it without any.

use std::fs;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::provider::Provider;

/// The largest tensor that is computed reliably, in values: ONNX Runtime's kernels count with 32 bits in places
/// (onnxruntime#32299).
pub const MAX_ELEMENTS: u64 = i32::MAX as u64;

/// Memory that can still be had, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    pub bytes: u64,
    pub limit: &'static str,
}

/// What this process may still take: the least of the machine's free memory, the control group's and the process's
/// own limit. `None` where the system does not say.
#[must_use]
pub fn available() -> Option<Available> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    least(
        &read("/proc/meminfo"),
        &cgroup(&read("/proc/self/cgroup")),
        &read("/proc/self/limits"),
        &read("/proc/self/statm"),
    )
}

/// What a provider may still take: of NVIDIA's card where it computes there and the driver's own program says how much is free,
/// else of the machine. ONNX Runtime takes the first card that it sees. The provider is the one that computes, as [`crate::Engine::gets`]
/// tells: of `auto` no card is asked.
#[must_use]
pub fn available_to(provider: Provider) -> Option<Available> {
    if !matches!(provider, Provider::Cuda | Provider::TensorRt) {
        return available();
    }
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let first =
        visible.as_deref().and_then(|list| list.split(',').next()).map(str::trim).filter(|card| !card.is_empty());
    let mut asking = Command::new("nvidia-smi");
    asking.args(["--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id", first.unwrap_or("0")]);
    let said = asking.stderr(Stdio::null()).output().ok().filter(|said| said.status.success());
    said.and_then(|said| card(&String::from_utf8_lossy(&said.stdout))).or_else(available)
}

/// Free memory of a card, in the words of `nvidia-smi`: a number of MiB.
fn card(said: &str) -> Option<Available> {
    let mebibytes: u64 = said.lines().next()?.trim().parse().ok()?;
    Some(Available { bytes: mebibytes.saturating_mul(1 << 20), limit: "free on the card" })
}

/// Limit and use of each control group from the process's up to the root, as text.
fn cgroup(own: &str) -> Vec<(String, String, String)> {
    let path = own.lines().find_map(|l| l.strip_prefix("0::")).unwrap_or("/").trim_matches('/').to_owned();
    let mut groups = Vec::new();
    let mut at = Some(std::path::Path::new("/sys/fs/cgroup").join(path));
    while let Some(folder) = at.filter(|f| f.starts_with("/sys/fs/cgroup")) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        groups.push((read("memory.max"), read("memory.current"), read("memory.stat")));
        at = folder.parent().map(Into::into);
    }
    let v1 = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory/memory.{name}")).unwrap_or_default();
    groups.push((v1("limit_in_bytes"), v1("usage_in_bytes"), v1("stat")));
    groups
}

fn least(meminfo: &str, groups: &[(String, String, String)], limits: &str, statm: &str) -> Option<Available> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let mut found: Vec<Available> = Vec::new();
    let machine = meminfo.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let machine = machine.and_then(|l| number(l.trim().trim_end_matches("kB")));
    found.extend(machine.map(|kib| Available { bytes: kib.saturating_mul(1024), limit: "free on this machine" }));
    for (max, current, stat) in groups {
        // What the group only caches is given back when it is needed.
        let cached = stat.lines().find_map(|l| l.strip_prefix("inactive_file ")).and_then(number).unwrap_or(0);
        if let (Some(max), Some(current)) = (number(max), number(current)) {
            let bytes = max.saturating_sub(current.saturating_sub(cached));
            found.push(Available { bytes, limit: "the limit of its control group" });
        }
    }
    let address = limits.lines().find_map(|l| l.strip_prefix("Max address space"));
    let address = address.and_then(|l| number(l.split_whitespace().next()?));
    let taken = statm.split_whitespace().next().and_then(number).unwrap_or(0).saturating_mul(4096);
    found.extend(
        address.map(|max| Available {
            bytes: max.saturating_sub(taken),
            limit: "the limit on this process's address space",
        }),
    );
    found.into_iter().min_by_key(|a| a.bytes)
}

/// Refuses what needs more memory than there is.
///
/// # Errors
/// `not-enough-memory`.
pub fn require(what: &str, needed: u64, available: Option<&Available>) -> Result<(), Error> {
    match available {
        Some(there) if needed > there.bytes => Err(Error::NotEnoughMemory {
            what: what.into(),
            needed: human(needed),
            available: human(there.bytes),
            limit: there.limit.into(),
        }),
        _ => Ok(()),
    }
}

/// Refuses a tensor that is too large to be computed reliably.
///
/// # Errors
/// `tensor-too-large`.
pub fn check_elements(what: &str, shape: &[usize]) -> Result<u64, Error> {
    let elements = shape.iter().fold(1u64, |product, d| product.saturating_mul(*d as u64));
    if elements > MAX_ELEMENTS {
        return Err(Error::TensorTooLarge { what: what.into(), elements, instead: None });
    }
    Ok(elements)
}

/// Bytes as people say them.
#[must_use]
pub fn human(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_its_free_memory_in_mebibytes() {
        let check = |said: &str, expected: Option<u64>| assert_eq!(card(said).map(|a| a.bytes), expected, "{said:?}");
        check("23028\n", Some(23028 << 20));
        check("23028\n40000\n", Some(23028 << 20));
        check("[N/A]\n", None);
        check("", None);
    }

    #[test]
    fn the_tightest_limit_counts() {
        let meminfo = "MemTotal: 9 kB\nMemAvailable:    8000000 kB\n";
        let group = |max: &str| vec![(max.to_owned(), "600\n".to_owned(), "anon 1\ninactive_file 100\n".to_owned())];
        let limits =
            "Limit Soft Hard Units\nMax address space         unlimited            unlimited            bytes\n";
        let check = |groups: &[(String, String, String)], limits: &str, bytes: u64, limit: &str| {
            let there = least(meminfo, groups, limits, "2 1 1").expect("a figure");
            assert_eq!((there.bytes, there.limit), (bytes, limit));
        };
        check(&group("max"), limits, 8_192_000_000, "free on this machine");
        check(&group("1000"), limits, 500, "the limit of its control group");
        check(&group("10"), limits, 0, "the limit of its control group");
        let tight = "Max address space         10000   10000   bytes\n";
        check(&[], tight, 10_000 - 8192, "the limit on this process's address space");
        assert_eq!(least("", &[], "", ""), None);
    }

    #[test]
    fn this_machine_says_what_it_has() {
        assert!(available().expect("a figure").bytes > 1_000_000);
    }

    #[test]
    fn refusals_have_figures() {
        let there = Available { bytes: 2_500_000_000, limit: "free on this machine" };
        let error = require("wan at 832x480", 17_000_000_000, Some(&there)).expect_err("too much");
        assert_eq!(error.to_string(), "wan at 832x480 needs about 17.0 GB, and 2.5 GB are free (free on this machine)");
        assert!(require("wan", 2_000_000_000, Some(&there)).is_ok());
        assert!(check_elements("the video", &[3, 81, 1280, 720]).is_ok());
        assert_eq!(check_elements("it", &[96, 81, 1280, 720]).expect_err("too large").code(), "tensor-too-large");
    }
}
