//! Ctrl-C and SIGTERM: the first stops the replay after the current batch, the second one
//! immediately.

use std::io;

use tokio::sync::watch;

/// The exit code that a shell expects after Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Whether the user, or the machine, wants the replay to stop.
pub(super) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Handles the signals from now on. The first one runs `on_first`, the second one ends the
    /// process.
    pub(super) fn listen(on_first: impl FnOnce() + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if next_signal().await.is_err() {
                // Signals cannot be received. The sender stays, so that `requested` waits forever.
                return std::future::pending().await;
            }
            on_first();
            sender.send_replace(true);
            let _ = next_signal().await;
            std::process::exit(INTERRUPTED);
        });
        StopSignal(receiver)
    }

    /// Whether a stop was requested.
    pub(super) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested.
    pub(super) async fn requested(&mut self) {
        let _ = self.0.wait_for(|is_requested| *is_requested).await;
    }
}

#[cfg(unix)]
async fn next_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn next_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
