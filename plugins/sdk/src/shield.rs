//! The wall between a stage and the C ABI: parses requests, catches panics, emits exactly one end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError};

use crate::api::abi::{STATUS_OK, STATUS_PANICKED};
use crate::api::{Bytes, End, Failure, HostApi, PluginMessage, RunRequest};
use crate::run::{CANCELLED, Link};
use crate::{Run, Stage, bridge};

/// Holds the stage between the runs of a warm host.
pub struct Slot<T>(Mutex<Option<T>>);

impl<T> Slot<T> {
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// # Safety
/// `host` must point to a valid [`HostApi`] for the call.
pub unsafe fn describe<S: Stage>(host: *const HostApi) -> i32 {
    // SAFETY: promised by the caller.
    let link = HostLink(unsafe { *host });
    match catch_unwind(|| S::about().describe::<S::Params>()) {
        Ok(description) => {
            link.emit(&PluginMessage::Description(Box::new(description)));
            STATUS_OK
        }
        Err(_) => STATUS_PANICKED,
    }
}

/// # Safety
/// `request` must be readable and `host` must point to a valid [`HostApi`] for the call.
pub unsafe fn run<S: Stage>(slot: &Slot<S>, request: Bytes, host: *const HostApi) -> i32 {
    // SAFETY: promised by the caller.
    let link = Arc::new(HostLink(unsafe { *host }));
    // SAFETY: promised by the caller; the slice is not kept beyond this call.
    let end = match serde_json::from_slice::<RunRequest>(unsafe { request.as_slice() }) {
        Ok(request) => guarded_run(slot, request, Arc::clone(&link) as Arc<dyn Link>),
        Err(e) => End::Failed(Failure::new("bad-request", format!("the request could not be read: {e}"))),
    };
    match catch_unwind(AssertUnwindSafe(|| link.emit(&PluginMessage::End(end)))) {
        Ok(()) => STATUS_OK,
        Err(_) => STATUS_PANICKED,
    }
}

/// Runs the stage; whatever happens inside becomes an end.
pub(crate) fn guarded_run<S: Stage>(slot: &Slot<S>, mut request: RunRequest, link: Arc<dyn Link>) -> End {
    remember_panics();
    let params =
        match serde_json::from_value::<S::Params>(serde_json::Value::Object(std::mem::take(&mut request.params))) {
            Ok(params) => params,
            Err(e) => return End::Failed(Failure::new("bad-params", format!("the parameters do not fit: {e}"))),
        };
    let run = Run::new(request, link);
    let mut guard = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
    // Taken out during the run: after a panic its state can't be trusted, and the next run starts with a new one.
    let stage = guard.take();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _bridge = bridge::attach(run.link());
        let mut stage = stage.unwrap_or_default();
        let result = stage.run(params, &run);
        (stage, result)
    }));
    match result {
        Ok((stage, result)) => {
            *guard = Some(stage);
            match result {
                Ok(outputs) => outputs.into_end(),
                Err(f) if f.code == CANCELLED && run.is_cancelled() => End::Cancelled,
                Err(f) => End::Failed(f),
            }
        }
        Err(payload) => {
            let place = take_panic_place().unwrap_or_else(|| "an unknown place".into());
            End::Failed(
                Failure::new("panicked", format!("the plugin panicked at {place}: {}", payload_text(payload.as_ref())))
                    .hint("this is a defect of the plugin, not of the brief; send its author this message and the job's log"),
            )
        }
    }
}

static PANIC_PLACE: Mutex<Option<String>> = Mutex::new(None);
static HOOK: Once = Once::new();

fn remember_panics() {
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(l) = info.location() {
                *PANIC_PLACE.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(format!("{}:{}", l.file(), l.line()));
            }
            previous(info);
        }));
    });
}

fn take_panic_place() -> Option<String> {
    PANIC_PLACE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

struct HostLink(HostApi);

// SAFETY: the ABI promises that both callbacks may be called from any thread until `run` returns, and a `Run` does
// not outlive it: stages join their threads before they return.
unsafe impl Send for HostLink {}
// SAFETY: as above.
unsafe impl Sync for HostLink {}

impl Link for HostLink {
    fn emit(&self, message: &PluginMessage) {
        // A message is made of strings, numbers and maps with string keys: it always has a JSON form.
        let Ok(json) = serde_json::to_vec(message) else { return };
        // SAFETY: the callback is valid during the call and copies the bytes before it returns.
        unsafe { (self.0.emit)(self.0.context, Bytes::new(&json)) }
    }

    fn is_cancelled(&self) -> bool {
        // SAFETY: the callback is valid during the call.
        unsafe { (self.0.is_cancelled)(self.0.context) != 0 }
    }
}
