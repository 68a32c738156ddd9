//! Who owns a started sandbox: a task that ends its process when it is told to, and what the sandbox said last. Made by
//! the backends, held by the runner.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How much of what a sandbox says on standard error is kept, for the message of an infrastructure error.
const STDERR_BYTES: usize = 4 << 10;
/// How long the end of a sandbox that was told to end is waited for.
const CLOSE: Duration = Duration::from_secs(15);

/// The task that owns a sandbox's process. Dropping this tells it to end the process; it then finishes by itself, and
/// where the runtime ends first, what it owns is killed as it is dropped.
pub(super) struct Keeper {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Counts a backend's keepers that have not finished, whoever still holds their runners.
#[derive(Debug)]
pub(super) struct Keepers(watch::Sender<usize>);

impl Keepers {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Returns once there is none.
    pub(super) async fn settled(&self) {
        // The sender is here, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|n| *n == 0).await;
    }

    fn enter(&self) -> Entered {
        self.0.send_modify(|n| *n += 1);
        Entered(self.0.clone())
    }
}

struct Entered(watch::Sender<usize>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

impl Keeper {
    pub(super) fn new(
        keepers: &Keepers,
        stop: CancellationToken,
        keeping: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let entered = keepers.enter();
        let task = Handle::current().spawn(async move {
            keeping.await;
            drop(entered);
        });
        Self {
            stop,
            task: Some(task),
        }
    }

    /// False once the process is gone.
    pub(super) fn is_at_work(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Tells it to end the process, without waiting.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends the process and waits until nothing of it is left.
    pub(super) async fn finish(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            let _ = tokio::time::timeout(CLOSE, task).await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The last words of a sandbox on standard error.
#[derive(Clone, Default)]
pub(super) struct StderrTail(Arc<Mutex<Vec<u8>>>);

impl StderrTail {
    /// Drains `from` until it ends, in a task that ends with it.
    pub(super) fn read(mut from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let tail = Self::default();
        let kept = tail.clone();
        // Ends with the pipe: the handle is not needed.
        drop(Handle::current().spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer).await {
                kept.push(&buffer[..n]);
            }
        }));
        tail
    }

    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let surplus = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..surplus);
    }

    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
    }
}
