//! Every backend that this machine has, each with a permit of its own. A backend that is not there is named as left out.

use std::sync::Arc;

use dreamer::sandbox::{
    self, Bubblewrap, Docker, Limits, Runner, RunnerSpec, Sandbox, SandboxError,
};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;

use super::{ledger, left_out};

/// Tells the groups of these tests from those of a service on the same machine.
pub(crate) const NAMESPACE: &str = "dreamer-it";
/// What `dreamer sandbox prepare` makes.
pub(crate) const IMAGE: &str = "dreamer-sandbox:1";

pub(crate) struct Backend {
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) permit: WorkPermit,
    _holder: PermitHolder,
}

impl Backend {
    pub(crate) fn name(&self) -> &'static str {
        self.sandbox.backend().as_str()
    }

    pub(crate) async fn open(&self) -> Runner {
        let spec = RunnerSpec {
            hash_seed: 7,
            limits: Limits::default(),
        };
        let opened = self.sandbox.open(&self.permit, &spec).await;
        opened.expect("a sandbox opens")
    }
}

/// All that are here; `what` is what a test leaves out where one is not.
pub(crate) async fn backends(what: &str) -> Vec<Backend> {
    let docker = Docker::find(NAMESPACE, IMAGE).await;
    let bubblewrap = Bubblewrap::find().await;
    let found: [Result<Arc<dyn Sandbox>, SandboxError>; 2] = [
        docker.map(|found| Arc::new(found) as Arc<dyn Sandbox>),
        bubblewrap.map(|found| Arc::new(found) as Arc<dyn Sandbox>),
    ];
    let mut here = Vec::new();
    for found in found {
        here.extend(tried(what, found).await);
    }
    here
}

/// The backend, if it works here.
pub(crate) async fn tried(
    what: &str,
    found: Result<Arc<dyn Sandbox>, SandboxError>,
) -> Option<Backend> {
    let (permit, holder) = permit::operator(Arc::new(Tree::open(NAMESPACE).expect("a tree")));
    let works = match found {
        Ok(found) => sandbox::try_out(found.as_ref(), &permit)
            .await
            .map(|()| found),
        Err(error) => Err(error),
    };
    match works {
        Ok(sandbox) => {
            ledger(sandbox.backend().as_str());
            Some(Backend {
                sandbox,
                permit,
                _holder: holder,
            })
        }
        Err(error) => {
            left_out(what, &error.to_string());
            None
        }
    }
}
