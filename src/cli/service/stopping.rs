//! The end of the service within its promise, whatever hangs. Called by `run`: while it waits to be asked, and then.

use std::time::Duration;

use crate::cli::{Exit, Stop};
use crate::clock::{self, Instant};

/// From the request to stop until this is done, whatever hangs: 5 s are promised, and the runtime takes the fifth part of
/// one for itself.
pub(super) const STOPPED_WITHIN: Duration = Duration::from_millis(4500);

/// So much of it is left for what comes after the dreams. A session that does not hear is over two seconds after it was
/// told, and another second may pass until its end is written down.
const FOR_THE_REST: Duration = Duration::from_secs(1);

/// The control socket has answers of milliseconds to finish.
const CLOSING: Duration = Duration::from_secs(2);

/// Goes on until somebody asks it to stop, whatever is being attended to, or until the supervisor is gone by itself, with
/// which what is attended to is over too.
pub(super) async fn until_asked(
    asked: impl Future<Output = Stop>,
    gone: impl Future<Output = ()>,
    attending: impl Future<Output = ()>,
) -> Exit {
    tokio::select! {
        biased;
        asked = asked => match asked {
            Stop::Interrupt => Exit::Interrupted,
            Stop::Terminate => Exit::Done,
        },
        () = gone => Exit::Undecided,
        () = attending => Exit::Undecided,
    }
}

/// Ends the dreams first, so that whoever follows a session still hears of its end; then all else side by side: those who
/// answer others, and the parts, whose last experiences are written as they go. What is late goes with this process.
pub(super) async fn end_all(
    dreams: impl Future<Output = ()>,
    others: impl Future<Output = ()>,
    parts: impl Send + 'static,
    latest: Instant,
) {
    let dreams = tokio::time::timeout_at(latest - FOR_THE_REST, dreams);
    if dreams.await.is_err() {
        tracing::error!("the supervisor did not stop in time");
    }
    let closing = latest.min(clock::monotonic() + CLOSING);
    // On a thread that nobody has to wait for: a disk may hang.
    let parts = tokio::task::spawn_blocking(move || drop(parts));
    let (_, gone) = tokio::join!(
        tokio::time::timeout_at(closing, others),
        tokio::time::timeout_at(latest, parts),
    );
    if gone.is_err() {
        tracing::warn!("the last experiences may not have been written");
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_attended_to_and_never_answers_keeps_no_stop_waiting() {
        let began = clock::monotonic();
        let asked = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Stop::Terminate
        };
        let exit = until_asked(asked, pending(), pending()).await;
        assert_eq!(exit, Exit::Done);
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    /// A part that is gone only once it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Drop for Stuck {
        fn drop(&mut self) {
            self.0.recv().ok();
        }
    }

    #[tokio::test]
    async fn whatever_hangs_the_end_comes_in_time() {
        let (let_go, stuck) = mpsc::channel();
        let began = clock::monotonic();
        let latest = began + FOR_THE_REST + Duration::from_millis(200);
        end_all(pending(), pending(), Stuck(stuck), latest).await;
        let took = began.elapsed();
        // Else this test would wait for it too.
        drop(let_go);
        assert!(took < FOR_THE_REST + Duration::from_secs(1), "{took:?}");
    }

    struct Tells(Arc<Mutex<Vec<&'static str>>>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.lock().expect("no panic").push("parts");
        }
    }

    #[tokio::test]
    async fn the_dreams_end_first_and_then_all_else() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let parts = Tells(Arc::clone(&told));
        let tell = |what| {
            let told = Arc::clone(&told);
            async move { told.lock().expect("no panic").push(what) }
        };
        let latest = clock::monotonic() + STOPPED_WITHIN;
        end_all(tell("dreams"), tell("others"), parts, latest).await;
        let mut told = told.lock().expect("no panic").clone();
        assert_eq!(told.first(), Some(&"dreams"));
        told.sort_unstable();
        assert_eq!(told, ["dreams", "others", "parts"]);
    }
}
