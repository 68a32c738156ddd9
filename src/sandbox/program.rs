//! The program inside a sandbox and how an interpreter is told it. Kept by the backends, one for each interpreter build;
//! called by the runner.
//!
//! It is text. The first interpreter that reads it compiles it and tells the result, before any job runs there; the next
//! of the same build take that, which is faster by several milliseconds. The result is only handed on: nothing outside of
//! a sandbox ever reads it.

use std::sync::OnceLock;

use serde::Deserialize;

use super::frame;

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
    fn what_is_not_hexadecimal_is_not_taken() {
        assert_eq!(unhex("0fA0"), Some(vec![0x0f, 0xa0]));
        assert_eq!(unhex("0"), Some(vec![0]));
        assert_eq!(unhex("zz"), None);
    }
}
