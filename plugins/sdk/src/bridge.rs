//! Carries `tracing` events of the plugin and its libraries to the job's log.
//!
//! A cdylib has its own copy of `tracing`'s globals, so a subscriber installed here sees this plugin only.

use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::api::{Event, Level, PluginMessage};
use crate::run::Link;

static CURRENT: Mutex<Option<Arc<dyn Link>>> = Mutex::new(None);
static INSTALL: Once = Once::new();

/// Routes events to `link` until the guard is dropped.
pub(crate) fn attach(link: Arc<dyn Link>) -> Guard {
    INSTALL.call_once(|| {
        // Another subscriber may be there already in tests; the log bridge is then simply not used.
        let _ = tracing_subscriber::registry().with(Bridge.with_filter(LevelFilter::INFO)).try_init();
    });
    *current() = Some(link);
    Guard
}

pub(crate) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        *current() = None;
    }
}

fn current() -> std::sync::MutexGuard<'static, Option<Arc<dyn Link>>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Bridge;

impl<S: tracing::Subscriber> Layer<S> for Bridge {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let Some(link) = current().clone() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::TRACE => Level::Trace,
        };
        link.emit(&PluginMessage::Event(Event::Log { level, message: fields.message, fields: fields.rest }));
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.rest.insert(field.name().into(), text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.into();
        } else {
            self.rest.insert(field.name().into(), value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.rest.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.rest.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.rest.insert(field.name().into(), value.into());
    }
}
