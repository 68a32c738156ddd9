//! Which system calls a job may make: one list, in the two forms that the backends take. Called by the backends alone.
//! Pure: installs nothing.
//!
//! A list of what is allowed, so that a call that a new kernel brings is refused until somebody has thought about it.
//! What is not on it fails with EPERM; what a newer C library tries first and does without fails with ENOSYS, because
//! only that makes it try the older way.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde_json::{Value as Json, json};

mod calls;

use calls::{ALLOWED, NEWER, Only, SOME};

const EPERM: u32 = libc::EPERM as u32;
const ENOSYS: u32 = libc::ENOSYS as u32;
/// Codes of the two instructions that `joined` touches.
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;
/// What an instruction returns that lets a call through.
const PASS: u32 = 0x7fff_0000;

/// The filter as the kernel takes it: eight bytes an instruction, in this machine's order.
///
/// # Errors
/// On a processor that the compiler of filters does not know.
pub(super) fn program() -> Result<Vec<u8>, String> {
    let processor = TargetArch::try_from(std::env::consts::ARCH).map_err(|e| e.to_string())?;
    let compiled = |rules, mismatch, matched| -> Result<BpfProgram, String> {
        let filter = SeccompFilter::new(rules, mismatch, matched, processor);
        filter
            .and_then(BpfProgram::try_from)
            .map_err(|e| e.to_string())
    };
    let newer = NEWER.iter().map(|(_, n)| (*n, Vec::new())).collect();
    let newer = compiled(newer, SeccompAction::Allow, SeccompAction::Errno(ENOSYS))?;
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    allowed.extend(
        ALLOWED
            .iter()
            .copied()
            .flatten()
            .map(|(_, n)| (*n, Vec::new())),
    );
    for (_, number, conditions) in SOME {
        let rule = conditions.iter().map(condition).collect();
        let rule = SeccompRule::new(rule).map_err(|e| e.to_string())?;
        allowed.entry(*number).or_default().push(rule);
    }
    let allowed = compiled(allowed, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    let mut bytes = Vec::new();
    for one in joined(newer, &allowed) {
        bytes.extend_from_slice(&one.code.to_ne_bytes());
        bytes.extend_from_slice(&[one.jt, one.jf]);
        bytes.extend_from_slice(&one.k.to_ne_bytes());
    }
    Ok(bytes)
}

/// One filter that asks the second where the first lets a call through.
fn joined(mut first: BpfProgram, second: &BpfProgram) -> BpfProgram {
    let length = first.len();
    for (at, one) in first.iter_mut().enumerate() {
        if one.code == RETURN && one.k == PASS {
            one.code = JUMP;
            one.k = u32::try_from(length - at - 1).unwrap_or(u32::MAX);
        }
    }
    first.extend_from_slice(second);
    first
}

fn condition(only: &Only) -> SeccompCondition {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    // The kernel looks at the lower half of all these arguments and so does a comparison of a `Dword`.
    let (argument, operator, value) = match *only {
        Only::Is(argument, value) => (argument, Eq, value),
        Only::Not(argument, value) => (argument, Ne, value),
        Only::Without(argument, bits) => (argument, MaskedEq(bits), 0),
    };
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
        .expect("the list's argument numbers are below six")
}

/// The filter as a container engine takes it.
pub(super) fn profile() -> String {
    let newer: Vec<_> = NEWER.iter().map(|(name, _)| *name).collect();
    let all = ALLOWED.iter().copied().flatten();
    let all: Vec<_> = all.map(|(name, _)| plain(name)).collect();
    let mut calls = vec![
        json!({ "names": newer, "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS }),
        json!({ "names": all, "action": "SCMP_ACT_ALLOW" }),
    ];
    for (name, _, conditions) in SOME {
        let conditions: Vec<Json> = conditions.iter().map(argument).collect();
        calls.push(json!({
            "names": [name], "action": "SCMP_ACT_ALLOW", "args": conditions,
        }));
    }
    let processor = match std::env::consts::ARCH {
        "aarch64" => "SCMP_ARCH_AARCH64",
        "riscv64" => "SCMP_ARCH_RISCV64",
        _ => "SCMP_ARCH_X86_64",
    };
    let profile = json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": EPERM, "architectures": [processor],
        "syscalls": calls,
    });
    profile.to_string()
}

fn argument(only: &Only) -> Json {
    let (index, value, second, operator) = match *only {
        Only::Is(index, value) => (index, value, 0, "SCMP_CMP_EQ"),
        Only::Not(index, value) => (index, value, 0, "SCMP_CMP_NE"),
        Only::Without(index, bits) => (index, bits, 0, "SCMP_CMP_MASKED_EQ"),
    };
    json!({ "index": index, "value": value, "valueTwo": second, "op": operator })
}

/// The kernel's name of a call, from the C library's name of its number.
fn plain(name: &str) -> &str {
    name.strip_prefix("SYS_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that reach the kernel's rarely used sides, other processes, other namespaces or other machines.
    const REFUSED: [&str; 34] = [
        "add_key",
        "bpf",
        "chroot",
        "delete_module",
        "fanotify_init",
        "finit_module",
        "fsopen",
        "init_module",
        "io_uring_enter",
        "io_uring_register",
        "io_uring_setup",
        "kcmp",
        "kexec_load",
        "keyctl",
        "mount",
        "mount_setattr",
        "move_mount",
        "name_to_handle_at",
        "open_by_handle_at",
        "open_tree",
        "perf_event_open",
        "pidfd_getfd",
        "pivot_root",
        "process_vm_readv",
        "process_vm_writev",
        "ptrace",
        "reboot",
        "request_key",
        "setns",
        "shmget",
        "swapon",
        "unshare",
        "userfaultfd",
        "msgget",
    ];

    #[test]
    fn nothing_dangerous_is_on_the_list() {
        let some = SOME.iter().map(|(name, ..)| *name);
        let always = ALLOWED.iter().copied().flatten();
        let all = always.map(|(name, _)| *name).chain(some);
        for name in all.map(plain) {
            assert!(!REFUSED.contains(&name), "{name}");
        }
    }

    fn always(number: i64) -> bool {
        ALLOWED.iter().copied().flatten().any(|(_, n)| *n == number)
    }

    #[test]
    fn a_call_is_allowed_always_or_under_conditions_but_not_both() {
        for (name, number, _) in SOME {
            assert!(!always(*number), "{name}");
        }
        for (name, number) in NEWER {
            assert!(!always(*number), "{name}");
        }
    }

    #[test]
    fn the_filter_fits_the_kernel_and_every_jump_lands_inside() {
        let bytes = program().unwrap();
        assert_eq!(bytes.len() % 8, 0);
        let count = bytes.len() / 8;
        assert!(count < 4096, "{count} instructions");
        for (at, one) in bytes.chunks(8).enumerate() {
            let code = u16::from_ne_bytes([one[0], one[1]]);
            let k = u32::from_ne_bytes([one[4], one[5], one[6], one[7]]) as usize;
            if code == JUMP {
                assert!(at + 1 + k < count, "instruction {at} jumps to {k}");
            }
        }
        assert_eq!(
            u16::from_ne_bytes([bytes[bytes.len() - 8], bytes[bytes.len() - 7]]),
            RETURN
        );
    }

    #[test]
    fn an_engine_gets_the_same_list() {
        let profile: Json = serde_json::from_str(&profile()).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let calls = profile["syscalls"].as_array().unwrap();
        assert_eq!(calls.len(), 2 + SOME.len());
        assert_eq!(calls[0]["errnoRet"], 38);
        let sockets = calls.iter().filter(|c| c["names"][0] == "socket");
        let families: Vec<_> = sockets
            .map(|c| c["args"][0]["value"].as_u64().unwrap())
            .collect();
        assert!(!families.contains(&40), "AF_VSOCK");
        assert!(families.contains(&1) && families.contains(&2) && families.contains(&10));
    }
}
