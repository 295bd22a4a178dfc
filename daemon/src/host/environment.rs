//! What a host sees of the daemon's environment: an allow-list, because secrets live in environments.

use std::ffi::OsString;

/// Passed on as they are.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "ORT_DYLIB_PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "XDG_CACHE_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OMP_NUM_THREADS",
];

/// Passed on when the name begins so.
const PREFIXES: &[&str] = &["LC_", "SPOTLOOM_", "CUDA_", "NVIDIA_"];

/// Never passed on when the name contains one of these, whatever else it is called.
const SECRET_WORDS: &[&str] = &["SECRET", "PASSWORD", "PASSWD", "TOKEN", "KEY", "CREDENTIAL", "DSN"];

/// The variables a host gets out of `all`.
pub(super) fn scrub(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    all.filter(|(name, _)| name.to_str().is_some_and(allowed)).collect()
}

fn allowed(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    !SECRET_WORDS.iter().any(|w| upper.contains(w))
        && (NAMES.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_plugin_needs_gets_through() {
        let check = |name: &str, expected: bool| assert_eq!(allowed(name), expected, "{name}");
        check("PATH", true);
        check("LC_ALL", true);
        check("ORT_DYLIB_PATH", true);
        check("SPOTLOOM_TEMPLATES", true);
        check("SPOTLOOM_SMTP_PASSWORD", false);
        check("SPOTLOOM_WEBHOOK_SECRET", false);
        check("AWS_ACCESS_KEY_ID", false);
        check("HTTPS_PROXY", false);
        check("LD_PRELOAD", false);
        check("path", false);
    }
}
