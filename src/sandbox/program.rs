//! The program inside a sandbox and how an interpreter is told it. Kept by the backends, one for each interpreter build;
//! called by the runner.
//!
//! It is text. The first interpreter that reads it compiles it and tells the result, before any job runs there; the next
//! of the same build take that, which is faster by several milliseconds. The result is only handed on: nothing outside of
//! a sandbox ever reads it.

use std::sync::OnceLock;

use serde::Deserialize;

use super::frame;
use crate::tree::{IOPRIO_IDLE, IOPRIO_WHO_PROCESS};

/// One text: each part uses the names that the parts before it bound.
const TEXT: &str = concat!(
    include_str!("inside/prelude.py"),
    include_str!("inside/values.py"),
    include_str!("inside/job.py"),
    include_str!("inside/clean.py"),
    include_str!("inside/serve.py"),
    include_str!("inside/watch.py"),
    include_str!("inside/main.py"),
);
/// Reads the program from standard input: a command line stays readable to every process in the sandbox. Compiled code
/// stands behind the mark of the build that made it; another build takes it for a text that cannot be read, and ends.
pub(super) const BOOT: &str = "import os,marshal\nfrom _frozen_importlib_external import MAGIC_NUMBER as m\nn=int.from_bytes(os.read(0,4),'big');b=b''\nwhile len(b)<n:b+=os.read(0,n-len(b))\nexec(marshal.loads(b[4:]) if b[:4]==m else compile(b,'runner','exec'))";

/// As `BOOT`, for an interpreter that nobody could lower before its first instruction: it is the container engine's child.
/// It lowers itself before it reads anything, and all that it starts begins as low: the idle IO class always, `niceness`
/// (0 to 19) and, at 19, the idle CPU class. It has no right to raise itself again. Where a system refuses it goes on.
pub(super) fn lowered(niceness: u8) -> String {
    let call = nix::libc::SYS_ioprio_set;
    let mut steps = vec![format!(
        "c.call_function(c.dlsym(c.dlopen(None,2),'syscall'),({call},{IOPRIO_WHO_PROCESS},0,{IOPRIO_IDLE}))"
    )];
    if niceness > 0 {
        steps.push(format!("os.setpriority(os.PRIO_PROCESS,0,{niceness})"));
    }
    if niceness >= 19 {
        steps.push("os.sched_setscheduler(0,os.SCHED_IDLE,os.sched_param(0))".to_owned());
    }
    let tries = |step: String| format!("try:\n {step}\nexcept OSError:\n pass\n");
    let steps: Vec<_> = steps.into_iter().map(tries).collect();
    format!("import os,_ctypes as c\n{}{BOOT}", steps.concat())
}

/// Turns the interpreter that reads this into a fresh one with this hash seed, which reads on.
pub(super) fn started_anew(seed: u32) -> Vec<u8> {
    let boot = serde_json::Value::from(BOOT);
    let program = format!(
        "import os, sys\nos.execve(sys.executable, [sys.executable, '-S', '-s', '-B', '-c', {boot}], dict(os.environ, PYTHONHASHSEED='{seed}'))"
    );
    frame::framed(program.as_bytes())
}

/// The program, and its compiled form once it is known.
#[derive(Debug, Default)]
pub(super) struct Program {
    compiled: OnceLock<Vec<u8>>,
}

impl Program {
    /// What a started interpreter is sent.
    pub(super) fn frame(&self) -> Vec<u8> {
        if let Some(compiled) = self.compiled.get() {
            return frame::framed(compiled);
        }
        // JSON quotes what is plain ASCII as Python does.
        let text = serde_json::Value::from(TEXT);
        let asking = format!(
            "code = compile({text}, 'runner', 'exec')\ncompiled = m + marshal.dumps(code)\nexec(code)"
        );
        frame::framed(asking.as_bytes())
    }

    /// Takes the compiled form from an interpreter's first words, where they hold it.
    pub(super) fn learn(&self, ready: &[u8]) {
        #[derive(Deserialize)]
        struct Ready {
            compiled: Option<String>,
        }
        if self.compiled.get().is_some() {
            return;
        }
        let told = serde_json::from_slice::<Ready>(ready).ok();
        let bytes = told
            .and_then(|told| told.compiled)
            .and_then(|hex| unhex(&hex));
        if let Some(bytes) = bytes {
            // Another interpreter of the same build may have been faster.
            let _ = self.compiled.set(bytes);
        }
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_plain_text_and_sent_compiled_once_that_is_known() {
        assert!(TEXT.is_ascii());
        let program = Program::default();
        let asking = program.frame();
        assert!(asking.len() > TEXT.len());
        program.learn(b"{\"ready\": \"3.11.2\"}\n");
        assert_eq!(program.frame(), asking);
        program.learn(b"{\"ready\": \"3.11.2\", \"compiled\": \"a70d0d0ae3\"}\n");
        assert_eq!(program.frame(), frame::framed(b"\xa7\r\r\n\xe3"));
        program.learn(b"{\"ready\": \"3.11.2\", \"compiled\": \"00\"}\n");
        assert_eq!(program.frame(), frame::framed(b"\xa7\r\r\n\xe3"));
    }

    #[test]
    fn a_container_lowers_itself_as_far_as_it_is_told() {
        let lowers = |niceness, step: &str| lowered(niceness).contains(step);
        for niceness in [0, 10, 19] {
            assert!(lowers(niceness, "'syscall'") && lowered(niceness).ends_with(BOOT));
            assert_eq!(lowers(niceness, "setpriority"), niceness > 0);
            assert_eq!(lowers(niceness, "SCHED_IDLE"), niceness == 19);
        }
    }

    #[test]
    fn what_is_not_hexadecimal_is_not_taken() {
        assert_eq!(unhex("0fA0"), Some(vec![0x0f, 0xa0]));
        assert_eq!(unhex("0"), Some(vec![0]));
        assert_eq!(unhex("zz"), None);
    }
}
