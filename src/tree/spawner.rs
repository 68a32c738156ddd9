//! One thread that starts the dream's processes and lives as long as they do: what dies with its parent follows the
//! *thread* that started it, and a worker of the async runtime may end at any time. Called by the bubblewrap sandbox and
//! by the owned model server.

use std::io;
use std::process::Command;
use std::sync::mpsc;

use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Request {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Whoever holds one keeps the thread, and with it every process that it started, alive.
#[derive(Debug)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    /// # Errors
    /// Where the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let (requests, receiver) = mpsc::channel::<Request>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for request in receiver {
                    let _inside = request.runtime.enter();
                    let mut command = tokio::process::Command::from(request.command);
                    command.kill_on_drop(true);
                    // A caller that went away drops the child here, which kills it.
                    let _ = request.reply.send(command.spawn());
                }
            })?;
        Ok(Self { requests })
    }

    /// The child is killed when it is dropped.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            command,
            runtime: Handle::current(),
            reply,
        };
        let gone = |_| io::Error::other("the spawning thread has ended");
        self.requests
            .send(request)
            .map_err(|_| io::Error::other("the spawning thread has ended"))?;
        answer.await.map_err(gone)?
    }
}
