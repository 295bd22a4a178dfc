//! tracing to stderr, for people or as JSON lines.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::args::{Global, LogFormat};

/// Installs the subscriber. `default` is what is logged when nothing else was asked for.
pub(super) fn install(global: &Global, default: &str) {
    let wanted = global.log.as_deref().unwrap_or(default);
    // A filter that can't be read must not keep the daemon from starting.
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Unminding(io::stderr()))
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    // Only a second installation can fail, in tests; the first one stays.
    let _ = match global.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Human => {
            let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(color).try_init()
        }
    };
}

/// Standard error, whose reader may be gone: a pipe to `head`, a log service that is started anew. Work goes on then; what
/// would have been told of it is in the ledger.
struct Unminding(io::Stderr);

impl Write for Unminding {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}
