//! Whether a model answers, or can be started, for `dreamer doctor`. Asks the server what it serves; sends nothing of ours
//! and starts nothing.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::{LlmClient, LlmError};
use crate::config::{LlmChoice, LlmSettings, ModelServer};
use crate::dream::Finding;

const CHECK: &str = "llm";

/// Where a system without PATH looks.
const USUAL_FOLDERS: &str = "/bin:/usr/bin";

pub async fn findings(settings: &LlmSettings) -> Vec<Finding> {
    vec![finding(settings).await]
}

async fn finding(settings: &LlmSettings) -> Finding {
    if settings.choice == LlmChoice::Forbidden {
        return Finding::ok(
            CHECK,
            "none wanted: dreams come from your documents' own examples and from the pack",
        );
    }
    match (LlmClient::discover(settings).await, settings.own_server()) {
        (Ok(Some(client)), _) if client.is_remote() => Finding::warn(
            CHECK,
            format!(
                "{} at {}, which is not a private address: your documents travel to it",
                client.model(),
                client.url()
            ),
            "for a private one set DREAMING_LLM_URL to a server on this machine and DREAMING_LLM_REMOTE=false",
        ),
        (Ok(Some(client)), _) => {
            let stand_in = client.released_by_stand_ins_only().await;
            let tried = stand_in.map_or_else(String::new, |kind| {
                format!(
                    "; how {kind} lets go of a model was tried against a stand-in only, never against the real one"
                )
            });
            let detail = format!("{} at {}{tried}", client.model(), client.url());
            Finding::ok(CHECK, detail)
        }
        (Ok(None) | Err(LlmError::Unreachable { .. }), Some(server)) => {
            let server = server.clone();
            // A share whose server is gone keeps the thread that asks it.
            let looked = tokio::task::spawn_blocking(move || startable(&server)).await;
            looked.unwrap_or_else(|error| {
                Finding::fail(CHECK, error.to_string(), "see the service's log")
            })
        }
        (Ok(None), None) => Finding::warn(
            CHECK,
            "no model answers on this machine; without one only your documents' own examples and the pack are dreamt of",
            "start Ollama or llama-server, or set DREAMING_LLM_URL",
        ),
        (Err(error @ LlmError::Remote { .. }), _) => Finding::fail(
            CHECK,
            error.to_string(),
            "set DREAMING_LLM_REMOTE=true if your documents may leave this machine",
        ),
        (Err(error), _) => Finding::fail(
            CHECK,
            error.to_string(),
            "check DREAMING_LLM_URL, DREAMING_LLM_MODEL and that the server runs",
        ),
    }
}

/// A server of our own that does not run just now.
fn startable(server: &ModelServer) -> Finding {
    let name = &server.name;
    let program = server.command.first().map_or("", String::as_str);
    let Some(fault) = fault(program) else {
        return Finding::ok(CHECK, format!("{name} is started when a dream begins"));
    };
    Finding::warn(
        CHECK,
        format!("{name} cannot be started, so a dream goes on without it: {program} {fault}"),
        "install it, or write its whole path in DREAMING_LLM_SERVERS",
    )
}

/// Why the system would not start this program; nothing where it would.
fn fault(program: &str) -> Option<&'static str> {
    if !program.contains('/') {
        let folders = folders();
        let found = folders
            .iter()
            .any(|folder| is_program(&folder.join(program)));
        return (!found).then_some("is in no folder of PATH");
    }
    let path = Path::new(program);
    if !path.exists() {
        return Some("is not there");
    }
    (!is_program(path)).then_some("may not be run")
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Those in which the system looks for a program whose place nobody names.
#[expect(
    clippy::disallowed_methods,
    reason = "where a child of ours is looked for, no setting"
)]
fn folders() -> Vec<PathBuf> {
    let named = std::env::var_os("PATH").unwrap_or_else(|| USUAL_FOLDERS.into());
    std::env::split_paths(&named).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::dream::Health;

    fn found(program: &str) -> Finding {
        startable(&ModelServer {
            name: "own".to_owned(),
            command: vec![program.to_owned(), "{port}".to_owned()],
            port: None,
        })
    }

    #[test]
    fn a_server_whose_program_is_not_there_is_none_that_can_be_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server");
        let program = path.to_str().expect("a name");
        for (program, fault) in [
            (program, "is not there"),
            ("no-such-model-server", "is in no folder of PATH"),
        ] {
            let found = found(program);
            assert_eq!(found.status, Health::Warn);
            assert!(found.detail.ends_with(fault), "{found:?}");
            assert!(found.fix.contains("DREAMING_LLM_SERVERS"), "{found:?}");
        }
        std::fs::write(&path, "#!/bin/sh\n").expect("it is written");
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
        mode(0o600).expect("a mode");
        assert!(found(program).detail.ends_with("may not be run"));
        mode(0o700).expect("a mode");
        for program in [program, "sh"] {
            assert_eq!(found(program).status, Health::Ok, "{program}");
        }
    }
}
