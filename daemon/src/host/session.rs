//! The child's conversation: checks what the plugin emits and passes it on, one run at a time.
//!
//! Invariant: whatever reaches the daemon is well-formed and in order: events while a run goes on, then exactly one end,
//! sent after the plugin has returned. A plugin that emits anything else ends its host.
//!
//! The `context` handed to the plugin is no pointer but the number of the call (its generation), so a thread that was
//! left behind and emits later is told apart from the run that goes on then, and can't touch freed memory.

use std::ffi::c_void;
use std::fs::File;
use std::io::Write;
use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use spotloom_plugin_api::abi::STATUS_OK;
use spotloom_plugin_api::protocol::{FromHost, MAX_LINE};
use spotloom_plugin_api::{Bytes, Description, End, HostApi, PluginMessage};

use super::child::{EXIT_CHANNEL_LOST, EXIT_REFUSED, die};
use super::library::Plugin;

/// Room for the run's id and the protocol's own words around a message.
const ENVELOPE: usize = 4 << 10;

static SESSION: OnceLock<Session> = OnceLock::new();

pub(super) struct Session {
    output: Mutex<File>,
    call: Mutex<Call>,
    /// Set by the reader, apart from `call`, which is held while a message is being written.
    current: Mutex<Current>,
    /// Calls up to this generation should end: cancelled ones and those that are over.
    over: AtomicU64,
}

#[derive(Default)]
struct Current {
    generation: u64,
    busy: bool,
    run: Option<String>,
}

/// What the plugin is expected to say.
enum Call {
    None,
    Describe { generation: u64, description: Option<Box<Description>> },
    Run { generation: u64, run: String, end: Option<End> },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Makes the one session of this process.
    pub(super) fn install(output: File) -> &'static Self {
        SESSION.get_or_init(|| Self {
            output: Mutex::new(output),
            call: Mutex::new(Call::None),
            current: Mutex::new(Current::default()),
            over: AtomicU64::new(0),
        })
    }

    /// Reader: a command has arrived. `None` when one is under way already.
    pub(super) fn begin(&self, run: Option<String>) -> Option<u64> {
        let mut current = lock(&self.current);
        if current.busy {
            return None;
        }
        *current = Current { generation: current.generation + 1, busy: true, run };
        Some(current.generation)
    }

    /// Reader: the run should end soon. One that is over already is not an error: the messages crossed.
    pub(super) fn cancel(&self, run: &str) {
        let current = lock(&self.current);
        if current.busy && current.run.as_deref() == Some(run) {
            self.over.store(current.generation, Ordering::SeqCst);
        }
    }

    /// Main thread: the call is over; a new command may come as soon as the daemon hears so.
    fn finish(&self, generation: u64) -> Call {
        self.over.fetch_max(generation, Ordering::SeqCst);
        lock(&self.current).busy = false;
        std::mem::replace(&mut *lock(&self.call), Call::None)
    }

    /// Main thread: asks the plugin what it is.
    pub(super) fn describe(&self, plugin: &Plugin, generation: u64) {
        *lock(&self.call) = Call::Describe { generation, description: None };
        let status = plugin.describe(&host_api(generation));
        match self.finish(generation) {
            Call::Describe { description: Some(description), .. } if status == STATUS_OK => {
                self.send(&FromHost::Described { description });
            }
            _ if status != STATUS_OK => self.violation(None, format!("`describe` returned status {status}")),
            _ => self.violation(None, "`describe` returned without a description".into()),
        }
    }

    /// Main thread: runs the plugin.
    pub(super) fn run(&self, plugin: &Plugin, generation: u64, request: &[u8]) {
        let run = lock(&self.current).run.clone().unwrap_or_default();
        *lock(&self.call) = Call::Run { generation, run, end: None };
        let status = plugin.run(request, &host_api(generation));
        match self.finish(generation) {
            Call::Run { run, end: Some(end), .. } if status == STATUS_OK => self.send(&FromHost::End { run, end }),
            Call::Run { run, .. } if status != STATUS_OK => {
                self.violation(Some(run), format!("`run` returned status {status}"));
            }
            Call::Run { run, .. } => {
                self.violation(Some(run), "`run` returned without saying how the run ended".into())
            }
            Call::None | Call::Describe { .. } => self.violation(None, "`run` ended as another call".into()),
        }
    }

    /// Writes one line to the daemon. Ends the process when that is not possible: nobody would ever hear of the run.
    pub(super) fn send(&self, message: &FromHost) {
        let Ok(mut line) = serde_json::to_vec(message) else {
            // Strings, numbers and maps with string keys always have a JSON form.
            die(EXIT_CHANNEL_LOST)
        };
        line.push(b'\n');
        if line.len() > MAX_LINE {
            // Reached by messages of the plugin only, and `emit` has refused those; a long error text ends here.
            self.violation(None, format!("a message of {} bytes is longer than a line may be", line.len()));
        }
        if lock(&self.output).write_all(&line).is_err() {
            die(EXIT_CHANNEL_LOST);
        }
    }

    /// The plugin broke the rules: says so and ends the process.
    fn violation(&self, run: Option<String>, message: String) -> ! {
        self.send(&FromHost::Violation { run, message });
        die(EXIT_REFUSED)
    }

    /// Takes one message of the plugin, from any of its threads.
    fn emit(&self, generation: u64, bytes: &[u8]) {
        // Held until the line is written, so that an end is the last thing the daemon hears of a run.
        let mut call = lock(&self.call);
        let run = match &*call {
            Call::Run { run, .. } => Some(run.clone()),
            Call::None | Call::Describe { .. } => None,
        };
        let expected = match &*call {
            Call::Describe { generation: g, .. } | Call::Run { generation: g, .. } => *g,
            Call::None => 0,
        };
        if generation != expected {
            self.violation(run, "the plugin emitted a message after its call had returned".into());
        }
        if bytes.len() > MAX_LINE - ENVELOPE {
            let message = format!("a message of {} bytes; the longest allowed is {}", bytes.len(), MAX_LINE - ENVELOPE);
            self.violation(run, message);
        }
        let message = match serde_json::from_slice::<PluginMessage>(bytes) {
            Ok(message) => message,
            Err(e) => self.violation(run, format!("a message that is not the protocol's JSON: {e}")),
        };
        match (&mut *call, message) {
            (Call::Run { end: Some(_), .. }, _) => self.violation(run, "a message after the end of the run".into()),
            (Call::Run { run, end: None, .. }, PluginMessage::Event(event)) => {
                self.send(&FromHost::Event { run: run.clone(), event });
            }
            (Call::Run { end, .. }, PluginMessage::End(said)) => *end = Some(said),
            (Call::Describe { description: Some(_), .. }, _) => {
                self.violation(run, "a message after the description".into());
            }
            (Call::Describe { description, .. }, PluginMessage::Description(said)) => *description = Some(said),
            (_, PluginMessage::Description(_)) => self.violation(run, "a description during a run".into()),
            (_, PluginMessage::Event(_) | PluginMessage::End(_)) => {
                self.violation(run, "an event or an end while it was asked for its description".into());
            }
        }
    }
}

fn host_api(generation: u64) -> HostApi {
    HostApi {
        struct_size: size_of::<HostApi>() as u32,
        context: without_provenance_mut(generation as usize),
        emit: emit_callback,
        is_cancelled: is_cancelled_callback,
    }
}

#[expect(unsafe_code, reason = "reads bytes the plugin lends")]
unsafe extern "C" fn emit_callback(context: *mut c_void, message: Bytes) {
    let Some(session) = SESSION.get() else { return };
    // SAFETY: the ABI promises `len` readable bytes for the call.
    session.emit(context.addr() as u64, unsafe { message.as_slice() });
}

#[expect(unsafe_code, reason = "the ABI's type of a callback")]
unsafe extern "C" fn is_cancelled_callback(context: *mut c_void) -> u8 {
    let generation = context.addr() as u64;
    u8::from(SESSION.get().is_none_or(|session| session.over.load(Ordering::SeqCst) >= generation))
}
