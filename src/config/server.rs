//! Model servers of our own, as a person writes them down: a name and a command a line. Pure; called by the reader of
//! settings.

use std::path::Path;

use super::{LlmChoice, LlmSettings};

/// What stands in a command for a port that is chosen when the server starts.
pub const PORT: &str = "{port}";
/// A name is part of file names and addresses.
const NAME_CHARS: usize = 32;

/// A server that we may start and stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelServer {
    pub name: String,
    /// Program and arguments; no shell reads them.
    pub command: Vec<String>,
    /// `None`: chosen at the start, for `{port}`.
    pub port: Option<u16>,
}

impl LlmSettings {
    /// The server of our own that a dream is meant to work with: the first, or the one at the address that was set.
    #[must_use]
    pub fn own_server(&self) -> Option<&ModelServer> {
        match &self.choice {
            LlmChoice::Forbidden => None,
            LlmChoice::Find => self.servers.first(),
            LlmChoice::Url(text) => {
                let port = port_here(text)?;
                self.servers.iter().find(|s| s.port == Some(port))
            }
        }
    }
}

/// The port of an address on this machine.
fn port_here(url: &str) -> Option<u16> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, port) = rest.split(['/', '?']).next()?.rsplit_once(':')?;
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    port.parse().ok().filter(|_| here)
}

/// Reads `NAME=COMMAND`, one a line. A leading `~/` of a word is the home folder.
pub(super) fn parse(text: &str, home: Option<&Path>) -> Result<Vec<ModelServer>, String> {
    let mut all: Vec<ModelServer> = Vec::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines {
        let server = one(line, home)?;
        if all.iter().any(|other| other.name == server.name) {
            return Err(format!("names `{}` twice", server.name));
        }
        all.push(server);
    }
    Ok(all)
}

fn one(line: &str, home: Option<&Path>) -> Result<ModelServer, String> {
    let (name, command) = line
        .split_once('=')
        .ok_or_else(|| "is not NAME=COMMAND".to_owned())?;
    let name = name.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > NAME_CHARS || !name.bytes().all(plain) {
        return Err(format!("has the name `{name}`, which is no plain word"));
    }
    let words = shlex::split(command).ok_or_else(|| format!("`{name}`: a quote is not closed"))?;
    if words.is_empty() {
        return Err(format!("`{name}` has no command"));
    }
    let command: Vec<String> = words
        .into_iter()
        .map(|word| match (word.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
            (Some(_) | None, _) => word,
        })
        .collect();
    let port = if command.iter().any(|word| word.contains(PORT)) {
        None
    } else {
        Some(port_of(&command).ok_or_else(|| {
            format!("`{name}` does not say where it listens: write `--port NUMBER` or `{PORT}`")
        })?)
    };
    Ok(ModelServer {
        name: name.to_owned(),
        command,
        port,
    })
}

fn port_of(command: &[String]) -> Option<u16> {
    let after = |word: &str| {
        let at = command.iter().position(|w| w == word)?;
        command.get(at + 1).cloned()
    };
    let joined = command
        .iter()
        .find_map(|word| word.strip_prefix("--port=").map(str::to_owned));
    let text = after("--port").or(joined)?;
    text.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_a_command_that_no_shell_reads() {
        let text = "small = llama-server -m '~/my models/a.gguf' --port 8089\n\n  big=vllm serve x --port={port}";
        let home = Path::new("/home/me");
        let all = parse(text, Some(home)).expect("two servers");
        assert_eq!(all[0].name, "small");
        assert_eq!(all[0].port, Some(8089));
        assert_eq!(all[0].command[2], "/home/me/my models/a.gguf");
        assert_eq!((all[1].port, all[1].command.len()), (None, 4));
        assert_eq!(parse("", None), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_started_or_found_is_refused_with_its_reason() {
        for (text, part) in [
            ("llama-server --port 8089", "`llama-server --port 8089`"),
            ("a b=x --port 1", "no plain word"),
            ("a=", "no command"),
            ("a=x 'y", "quote"),
            ("a=x", "--port"),
            ("a=x --port 0", "--port"),
            ("a=x --port 1\na=y --port 2", "twice"),
        ] {
            let error = parse(text, None).expect_err(text);
            assert!(
                error.contains(part) || error.contains("NAME=COMMAND"),
                "{error}"
            );
        }
    }
}
