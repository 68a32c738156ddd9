//! One thread that starts the dream's processes and lives as long as they do: what dies with its parent follows the
//! *thread* that started it, and a worker of the async runtime may end at any time. Called by the bubblewrap sandbox and
//! by the owned model server.

use std::io;
use std::process::Command;
use std::sync::mpsc;

use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::launch::{Launch, Launched};

type Reply<T> = oneshot::Sender<io::Result<T>>;

enum Request {
    Spawn(Command, Handle, Reply<Child>),
    Launch(Launch, Handle, Reply<Launched>),
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
                // A caller that went away drops the child here, which kills it.
                for request in receiver {
                    match request {
                        Request::Spawn(command, runtime, reply) => {
                            let _inside = runtime.enter();
                            let mut command = tokio::process::Command::from(command);
                            command.kill_on_drop(true);
                            let _ = reply.send(command.spawn());
                        }
                        Request::Launch(launch, runtime, reply) => {
                            let _inside = runtime.enter();
                            let _ = reply.send(launch.start());
                        }
                    }
                }
            })?;
        Ok(Self { requests })
    }

    /// The child is killed when it is dropped.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        self.ask(|runtime, reply| Request::Spawn(command, runtime, reply))
            .await
    }

    /// The same for a process that shall be in its unified group from the beginning.
    ///
    /// # Errors
    /// As `spawn`.
    pub async fn launch(&self, launch: Launch) -> io::Result<Launched> {
        self.ask(|runtime, reply| Request::Launch(launch, runtime, reply))
            .await
    }

    async fn ask<T>(&self, request: impl FnOnce(Handle, Reply<T>) -> Request) -> io::Result<T> {
        let gone = || io::Error::other("the spawning thread has ended");
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(Handle::current(), reply))
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
