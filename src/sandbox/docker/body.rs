//! What the engine is told about a container: everything it is denied, and the little that it is given. Pure; called by
//! the Docker backend alone.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
};

use super::engine::Manner;
use crate::sandbox::libraries::{INSIDE, LibrarySet};
use crate::sandbox::program::lowered;
use crate::sandbox::{RunnerSpec, cpu_milli};

/// Size of /tmp; it counts as memory.
const TMP: &str = "size=64m,nosuid,nodev,noexec";
/// Most files in it.
const TMP_FILES: &str = ",nr_inodes=4k";
const TMP_BYTES: u64 = 64 << 20;
/// Size of /dev/shm, enough for the locks and queues of `multiprocessing`.
const SHM_BYTES: i64 = 4 << 20;
/// Memory of the interpreter that forks the jobs, beside the job's own.
const OWN_BYTES: u64 = 64 << 20;
/// The interpreter that forks the jobs.
const OWN_PROCESSES: u64 = 1;
/// Open files of a process; jobs set less for themselves.
const OPEN_FILES: i64 = 512;
/// The container's processes are the first to go when the host itself runs out of memory.
const OOM_SCORE: i64 = 500;

/// What the engine is told about a container whose work has this niceness, 0 to 19.
pub(super) fn body(
    image: &str,
    spec: &RunnerSpec,
    labels: HashMap<String, String>,
    manner: &Manner,
    niceness: u8,
) -> ContainerCreateBody {
    let words = |all: &[&str]| Some(all.iter().map(|&w| w.to_owned()).collect());
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let memory = whole(spec.limits.memory_bytes + TMP_BYTES + OWN_BYTES);
    let limit = |name: &str, limit: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(limit),
        hard: Some(limit),
    };
    let mut ulimits = vec![
        limit("core", 0),
        limit("msgqueue", 0),
        limit("memlock", 0),
        limit("nofile", OPEN_FILES),
        limit("fsize", whole(spec.limits.file_bytes)),
    ];
    ulimits.extend(manner.processes.map(|most| limit("nproc", whole(most))));
    let files = if manner.counts_files { TMP_FILES } else { "" };
    let tmp = format!("{TMP}{files}");
    let seed = format!("PYTHONHASHSEED={}", spec.hash_seed);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some("dream".to_owned()),
        // Root without rights, but for the three by which each job becomes a user of its own and is ended.
        user: Some("0:0".to_owned()),
        entrypoint: words(&["/usr/bin/python3"]),
        // Not -I or -E: they would ignore PYTHONHASHSEED. The environment holds nothing else of Python's.
        cmd: words(&["-S", "-s", "-B", "-c", &lowered(niceness)]),
        env: words(&[
            "PATH=/usr/bin",
            "LANG=C.UTF-8",
            "HOME=/tmp",
            &seed,
            "MALLOC_ARENA_MAX=2",
        ]),
        working_dir: Some("/tmp".to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        network_disabled: Some(true),
        labels: Some(labels),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: words(&["ALL"]),
            cap_add: words(&["SETUID", "SETGID", "KILL"]),
            security_opt: Some(vec!["no-new-privileges".to_owned(), manner.filter.clone()]),
            pids_limit: Some(whole(spec.limits.processes + OWN_PROCESSES)),
            memory: Some(memory),
            memory_swap: Some(memory),
            nano_cpus: Some(whole(cpu_milli() * 1_000_000)),
            tmpfs: Some([("/tmp".to_owned(), tmp)].into()),
            ipc_mode: Some("private".to_owned()),
            shm_size: Some(SHM_BYTES),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ulimits: Some(ulimits),
            oom_score_adj: Some(OOM_SCORE),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// The one thing of the host's that a container sees, for reading only.
pub(super) fn mount_of(set: &LibrarySet) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(set.site().to_string_lossy().into_owned()),
        target: Some(INSIDE.to_owned()),
        read_only: Some(true),
        ..Mount::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Limits;

    #[test]
    fn a_container_is_given_nothing_it_does_not_need() {
        let spec = RunnerSpec {
            hash_seed: 9,
            limits: Limits::default(),
        };
        let body = body("sha256:1", &spec, HashMap::new(), &Manner::of_docker(), 19);
        let host = body.host_config.unwrap();
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        let kept = ["SETUID", "SETGID", "KILL"].map(str::to_owned);
        assert_eq!(host.cap_add, Some(kept.to_vec()));
        let options = host.security_opt.unwrap();
        assert_eq!(options[0], "no-new-privileges");
        assert!(options[1].starts_with("seccomp={"));
        assert!(host.nano_cpus.unwrap() > 0);
        assert_eq!(host.memory, host.memory_swap);
        assert!(host.memory.unwrap() > 0 && host.pids_limit.unwrap() > 0);
        assert!(host.binds.is_none() && host.mounts.is_none() && host.privileged.is_none());
        assert_eq!(body.tty, Some(false));
        assert!(body.env.unwrap().contains(&"PYTHONHASHSEED=9".to_owned()));
    }
}
