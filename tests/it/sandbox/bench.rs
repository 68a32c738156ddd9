//! What these tests share: the backends of this machine, jobs in short, and what is left on the host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Observation, Outcome, Value};
use dreamer::sandbox::{
    self, Bubblewrap, Docker, Job, Limits, Runner, RunnerSpec, Sandbox, SandboxError,
};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;

use crate::support::{ledger, left_out};

/// Tells the groups of these tests from those of a service on the same machine.
pub(super) const NAMESPACE: &str = "dreamer-it";
/// What `dreamer sandbox prepare` makes.
pub(super) const IMAGE: &str = "dreamer-sandbox:1";

pub(super) struct Bench {
    pub(super) sandbox: Arc<dyn Sandbox>,
    pub(super) permit: WorkPermit,
    pub(super) holder: PermitHolder,
}

impl Bench {
    pub(super) async fn open(&self, limits: Limits) -> Runner {
        let spec = RunnerSpec {
            hash_seed: 7,
            limits,
        };
        let opened = self.sandbox.open(&self.permit, &spec).await;
        opened.expect("a sandbox opens")
    }

    /// One job in a fresh sandbox.
    pub(super) async fn once(&self, limits: Limits, job: &Job) -> Observation {
        let mut runner = self.open(limits).await;
        let seen = runner.run(&self.permit, job).await.expect("a job runs");
        runner.close().await;
        seen
    }

    pub(super) fn name(&self) -> &'static str {
        self.sandbox.backend().as_str()
    }
}

pub(super) fn new_permit(namespace: &str) -> (WorkPermit, PermitHolder) {
    let tree = Tree::open(namespace).expect("a tree");
    permit::operator(Arc::new(tree))
}

/// A backend with a permit of its own, unless this machine does not have it.
pub(super) async fn bench(
    found: Result<Arc<dyn Sandbox>, SandboxError>,
    namespace: &str,
) -> Option<Bench> {
    let (permit, holder) = new_permit(namespace);
    let tried = match found {
        Ok(found) => sandbox::try_out(found.as_ref(), &permit)
            .await
            .map(|()| found),
        Err(error) => Err(error),
    };
    match tried {
        Ok(sandbox) => {
            ledger(sandbox.backend().as_str());
            Some(Bench {
                sandbox,
                permit,
                holder,
            })
        }
        Err(error) => {
            left_out("a sandbox", &error.to_string());
            None
        }
    }
}

pub(super) async fn benches() -> Vec<Bench> {
    benches_of(NAMESPACE).await
}

/// A namespace of its own lets a test see what is left of it alone.
pub(super) async fn benches_of(namespace: &str) -> Vec<Bench> {
    // An earlier run may have been killed.
    sandbox::sweep(namespace).await.expect("a sweep");
    let docker = Docker::find(namespace, IMAGE).await;
    let bubblewrap = Bubblewrap::find().await;
    let docker = docker.map(|d| Arc::new(d) as Arc<dyn Sandbox>);
    let bubblewrap = bubblewrap.map(|b| Arc::new(b) as Arc<dyn Sandbox>);
    let docker = bench(docker, namespace).await;
    let bubblewrap = bench(bubblewrap, namespace).await;
    docker.into_iter().chain(bubblewrap).collect()
}

/// Containers of a namespace, running or not, as the engine's own command sees them.
pub(crate) fn containers_of(namespace: &str) -> Vec<String> {
    let filter = format!("label=dreamer.namespace={namespace}");
    let listed = std::process::Command::new("docker")
        .args(["ps", "-aq", "--filter", &filter])
        .output();
    let text = listed.map(|l| String::from_utf8_lossy(&l.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Groups of a namespace in every hierarchy of the host.
pub(crate) fn groups_of(namespace: &str) -> Vec<std::path::PathBuf> {
    let names = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect::<Vec<_>>()
    };
    let top = names(std::path::Path::new("/sys/fs/cgroup"));
    let below = top.iter().flat_map(|p| names(p));
    let all = below.chain(top.clone());
    all.filter(|p| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(namespace)
    })
    .collect()
}

pub(super) fn call(code: &str, call: &str) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: String::new(),
        given: BTreeMap::new(),
        values: BTreeMap::new(),
        call: call.to_owned(),
        trace: false,
    }
}

pub(super) fn given(job: Job, name: &str, literal: &str) -> Job {
    let Job::Call {
        code,
        setup,
        mut given,
        values,
        call,
        trace,
    } = job
    else {
        panic!("only a call is given something")
    };
    given.insert(name.to_owned(), literal.to_owned());
    Job::Call {
        code,
        setup,
        given,
        values,
        call,
        trace,
    }
}

pub(super) fn traced(mut job: Job) -> Job {
    if let Job::Call { trace, .. } = &mut job {
        *trace = true;
    }
    job
}

pub(super) fn with_setup(mut job: Job, text: &str) -> Job {
    if let Job::Call { setup, .. } = &mut job {
        text.clone_into(setup);
    }
    job
}

pub(super) fn int(n: i64) -> Value {
    Value::Int(n.to_string())
}

#[track_caller]
pub(super) fn value(seen: &Observation) -> &Value {
    match &seen.outcome {
        Outcome::Value { value } => value,
        other => panic!("no value but {other:?}: {seen:?}"),
    }
}

pub(super) fn spec() -> RunnerSpec {
    RunnerSpec {
        hash_seed: 0,
        limits: Limits::default(),
    }
}

/// Two seconds: what a person who comes back may wait for.
pub(super) async fn wait_until_empty(tree: &Tree, namespace: &str) {
    let began = clock::monotonic();
    while !tree.processes().is_empty() || !containers_of(namespace).is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?} {:?}",
            tree.processes(),
            containers_of(namespace)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn spec_with(limits: Limits) -> RunnerSpec {
    RunnerSpec {
        hash_seed: 7,
        limits,
    }
}

/// The engine of this machine with an image that it runs, unless there is none.
pub(super) async fn docker_of(namespace: &str) -> Option<Docker> {
    match Docker::find(namespace, IMAGE).await {
        Ok(docker) => {
            ledger("docker");
            Some(docker)
        }
        Err(error) => {
            left_out("docker", &error.to_string());
            None
        }
    }
}
