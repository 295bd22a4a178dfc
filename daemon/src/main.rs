//! `spotloom`: parse arguments, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A plugin host must be alone in its process: no runtime, no other thread, nothing parsed that it does not need.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == "plugin-host") {
        return ExitCode::from(u8::try_from(spotloom::host::child::main(args)).unwrap_or(u8::MAX));
    }
    spotloom::cli::main()
}
