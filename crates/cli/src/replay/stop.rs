//! Ctrl-C, or SIGTERM: once to finish what is under way, twice to end at once.

use std::io;

use tokio::sync::watch;

/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Whether a person wants the replay to stop.
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Takes the signals from here on; `first` is done on the first one.
    pub(super) fn listen(first: impl FnOnce() + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if signal().await.is_err() {
                // Nobody can ask, then; who waits for it waits on.
                return std::future::pending().await;
            }
            first();
            sender.send_replace(true);
            let _ = signal().await;
            std::process::exit(INTERRUPTED);
        });
        Stop(receiver)
    }

    /// Whether it was asked for.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub(super) async fn asked(&mut self) {
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// The next signal to end: of a person, or of a machine that goes down.
#[cfg(unix)]
async fn signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
