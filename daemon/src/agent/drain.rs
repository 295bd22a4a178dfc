//! How the daemon is asked to stop: first drain, then hurry.

use tokio::sync::watch;

/// How urgently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    #[default]
    No,
    /// Claim nothing more; what runs may end by itself for a while.
    Drain,
    /// Stop what runs; it goes back into the queue.
    Now,
}

/// The switch; clones of the receiver are handed to everything that runs.
#[derive(Clone, Debug)]
pub struct Drain(watch::Sender<Stop>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(Stop::No))
    }
}

impl Drain {
    /// Raises the urgency; it never goes back.
    pub fn ask(&self, stop: Stop) {
        self.0.send_if_modified(|now| {
            let more = stop > *now;
            if more {
                *now = stop;
            }
            more
        });
    }

    #[must_use]
    pub fn receiver(&self) -> watch::Receiver<Stop> {
        self.0.subscribe()
    }
}

/// Waits until at least this was asked for.
pub(crate) async fn asked(receiver: &mut watch::Receiver<Stop>, at_least: Stop) {
    // The sender lives as long as the daemon; should it go, nothing will be asked for any more.
    if receiver.wait_for(|s| *s >= at_least).await.is_err() {
        std::future::pending::<()>().await;
    }
}
