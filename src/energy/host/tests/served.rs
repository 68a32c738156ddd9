//! A recorded machine with two processors on which somebody else's model server works for us, and on when nobody waits.

use super::*;

const URL: &str = "http://127.0.0.1:8080";

struct Recorded {
    _root: tempfile::TempDir,
    roots: Roots,
    senses: HostSenses,
    own: OwnWork,
    start: Instant,
    seconds: u64,
    busy: u64,
    served: u64,
}

impl Recorded {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let roots = machine(root.path());
        let line = "  0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 994 0 4711 1 0";
        std::fs::create_dir_all(roots.proc.join("net")).expect("a folder");
        std::fs::write(roots.proc.join("net/tcp"), format!("head\n{line}\n")).expect("a table");
        std::fs::create_dir_all(roots.proc.join("77/fd")).expect("a folder");
        std::os::unix::fs::symlink("socket:[4711]", roots.proc.join("77/fd/3")).expect("a link");
        let own = OwnWork::new();
        let tree = Arc::new(Tree::without_groups(0));
        Self {
            senses: HostSenses::at(roots.clone(), tree, own.clone()),
            _root: root,
            roots,
            own,
            start: clock::monotonic(),
            seconds: 0,
            busy: 0,
            served: 0,
        }
    }

    /// A look after a second in which the server took so many hundredths of the two that there were, and others so many.
    fn look(&mut self, server: u64, others: u64) -> Option<f64> {
        self.seconds += 1;
        self.busy += server + others;
        self.served += server;
        let idle = self.seconds * 200 - self.busy;
        let put = |file: &str, text: String| {
            std::fs::write(self.roots.proc.join(file), text).expect("it is written");
        };
        put(
            "stat",
            format!("cpu  {} 0 0 {idle} 0 0 0 0 0 0\n", self.busy),
        );
        let ticks = self.served;
        put(
            "77/stat",
            format!("77 (ollama) S 1 77 77 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 9 1 1"),
        );
        let now = self.start + Duration::from_secs(self.seconds);
        self.senses.read(now).load_of_others.known()
    }

    #[track_caller]
    fn check(&mut self, server: u64, others: u64, expected: Option<f64>) {
        let found = self.look(server, others);
        let close = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(close, "{found:?} is not {expected:?}");
    }
}

#[test]
fn a_server_that_still_reads_a_prompt_that_was_dropped_works_for_us() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut machine = Recorded::new();
    machine.check(0, 0, None);
    let request = machine.own.begin_llm(URL);
    machine.check(150, 0, None);
    machine.check(150, 0, Some(0.0));
    // As a bumped desk has it: we stand still, and it does not know.
    drop(request);
    for _ in 0..20 {
        machine.check(150, 0, Some(0.0));
    }
    machine.check(150, 20, Some(0.1));
    machine.check(2, 0, Some(0.01));
    machine.check(150, 0, Some(0.75));
}
