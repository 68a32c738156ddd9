//! Gate 9, first part: nothing that is to be shown to others holds a secret, an address of a person or a path into
//! somebody's home folder. Pure. Judges by the look that such things have; what it names is only their kind, never
//! their text.

use super::ruling::Ruling;
use crate::dream::{Candidate, CheckKind, Reason};

/// Beginnings of keys that well-known services give out, with the fewest characters that follow.
const KEYS: [(&str, usize); 14] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 35),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghs_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk-", 32),
    ("sk_live_", 20),
    ("npm_", 36),
    ("hf_", 30),
];

/// Names that stand for anybody, in addresses and in paths.
const ANYBODY: &str = "user users username name me you myuser admin root test tester testuser demo sample example someone \
    somebody anyone anybody info contact hello mail email support sales noreply no-reply office team alice bob carol \
    charlie dave eve john jane doe john.doe jane.doe johndoe janedoe john.smith jane.smith johnsmith janesmith first.last \
    firstname.lastname name.surname your.name yourname foo bar baz qux abcd asdf runner app ubuntu vagrant pi ec2-user \
    centos debian fedora node vscode jovyan";

/// What follows `/home/` or `/Users/` in addresses of pages and in names of folders that are nobody's.
const PAGES: &str = "index about page pages news profile login logout dashboard settings products product help search main docs \
    documents document files file data work projects project src bin lib tmp local share config public private shared blog \
    articles article list items item new edit api v1 static assets images photos music videos downloads desktop pictures \
    garden kitchen decor furniture security office page1 page2 one two three path dir folder subdir abc xyz";

/// Where people have their mail: short names there are somebody's.
const PROVIDERS: &str = "gmail googlemail gmx web t-online freenet posteo outlook hotmail live yahoo icloud me aol proton \
    protonmail qq 163 126 mail yandex wp o2 interia orange free laposte libero tutanota tuta fastmail zoho";

/// Domains that belong to nobody, or to documentation.
const NOBODYS: &str = "example.com example.org example.net example.edu localhost test.com domain.com email.com mail.com \
    company.com site.com foo.com bar.com mydomain.com yourdomain.com acme.com acme.org acme.net contoso.com";

/// Addresses below which only a secret end tells one from another.
const HOOKS: [&str; 2] = ["hooks.slack.com/services/", "discord.com/api/webhooks/"];

pub(super) fn rule(candidate: &Candidate) -> Ruling {
    for (place, text) in texts(candidate) {
        if let Some(what) = secret(text) {
            return Ruling::Fail(Reason::HoldsSecret, format!("{place} holds {what}"));
        }
        if let Some(what) = personal(text) {
            return Ruling::Fail(Reason::HoldsPersonalData, format!("{place} holds {what}"));
        }
    }
    Ruling::Pass("no secrets, addresses or home folders".to_owned())
}

fn texts(candidate: &Candidate) -> Vec<(&'static str, &str)> {
    let scenario = &candidate.scenario;
    let mut all = vec![
        ("the code", candidate.code.as_str()),
        ("the task", scenario.task_prompt.as_str()),
        ("the task", scenario.title.as_str()),
        ("the task", scenario.description.as_str()),
        ("the task", scenario.entry_point.as_str()),
    ];
    let lists = [
        &scenario.test_cases,
        &scenario.libraries,
        &scenario.in_place,
    ];
    all.extend(
        lists
            .into_iter()
            .flatten()
            .map(|text| ("the task", text.as_str())),
    );
    for (_, check) in candidate.all_checks() {
        all.push(("a check", &check.setup));
        all.push(("a check", &check.call));
        for (name, literal) in &check.given {
            all.push(("a check", name));
            all.push(("a check", literal));
        }
        let routes = check.serve.iter().flat_map(|serve| &serve.routes);
        for route in routes {
            all.push(("a check's server", &route.path));
            all.push(("a check's server", &route.body));
        }
        match &check.kind {
            CheckKind::Example { expect } => all.push(("a check", expect)),
            CheckKind::Property { holds } => all.push(("a check", holds)),
            CheckKind::Raises { error } => all.push(("a check", error)),
        }
    }
    all
}

fn secret(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    for token in text.split(|c: char| !is_part(c)) {
        let key = KEYS.iter().any(|(start, more)| {
            token
                .strip_prefix(start)
                .is_some_and(|rest| rest.len() >= *more && is_random(rest))
        });
        if key {
            return Some("an access key");
        }
    }
    let web_token = |token: &str| {
        let parts: Vec<&str> = token.split('.').collect();
        parts.len() == 3 && token.starts_with("eyJ") && parts.iter().all(|p| p.len() >= 16)
    };
    if text.split(|c: char| !is_part(c) && c != '.').any(web_token) {
        return Some("a signed token");
    }
    if holds_login(text) {
        return Some("an address with a password");
    }
    let is_end = |c: char| !is_part(c) && c != '/';
    let hooked = |hook: &&str| {
        text.match_indices(*hook).any(|(at, _)| {
            let rest = &text[at + hook.len()..];
            let path = rest.split(is_end).next().unwrap_or_default();
            path.split('/').any(|end| end.len() >= 20 && is_random(end))
        })
    };
    if HOOKS.iter().any(hooked) {
        return Some("the address of a hook");
    }
    text.lines()
        .any(assigned_secret)
        .then_some("a password or a key")
}

/// `scheme://name:password@host` with a password that nobody would make up for an example.
fn holds_login(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let is_end = |c: char| c.is_whitespace() || "/?#\"'<>`".contains(c);
        let host = rest.split(is_end).next().unwrap_or_default();
        let login = host.rsplit_once('@').map(|(login, _)| login);
        let password = login.and_then(|login| login.split_once(':'));
        password.is_some_and(|(_, password)| password.len() >= 8 && is_random(password))
    })
}

/// `api_key = "…"`, `API_TOKEN: str = "…"` or `SECRET_KEY=…` with something that nobody would type.
fn assigned_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let named = ["api_key", "apikey", "secret", "passwd", "password", "token"];
    let places = named.iter().flat_map(|name| {
        let found = lower.match_indices(name);
        found.filter_map(|(at, name)| line.get(at + name.len()..))
    });
    places
        .filter_map(assigned)
        .any(|value| value.len() >= 20 && is_random(value))
}

/// What is assigned to a name whose end `after` begins with.
fn assigned(after: &str) -> Option<&str> {
    const QUOTES: [char; 2] = ['"', '\''];
    let end_of_name = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
    let after = &after[after.find(end_of_name)?..];
    let after = after.trim_start_matches(QUOTES).trim_start();
    let value = if let Some(value) = after.strip_prefix('=') {
        value
    } else {
        let value = after.strip_prefix(':')?.trim_start();
        // `: str = "…"`
        let annotated = value.starts_with(|c: char| c.is_ascii_alphabetic());
        let after_type = value.split_once('=').filter(|_| annotated);
        after_type.map_or(value, |(_, value)| value)
    };
    let value = value.trim_start();
    if let Some(quoted) = value.strip_prefix(QUOTES) {
        return quoted.split(QUOTES).next();
    }
    let bare = value.split_whitespace().next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    bare.chars().all(plain).then_some(bare)
}

/// Digits, small and capital letters mixed, or long hexadecimal: words do not look so.
fn is_random(text: &str) -> bool {
    let has = |kind: fn(&char) -> bool| text.chars().filter(kind).count() >= 3;
    let digits = has(char::is_ascii_digit);
    let mixed = digits && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    let capitals = digits
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    let hexadecimal = digits && text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let distinct: std::collections::BTreeSet<char> = text.chars().collect();
    (mixed || capitals || hexadecimal)
        && distinct.len() >= 8
        && !text.contains(' ')
        && !is_alphabet(text)
}

/// Characters that nearly all follow each other: the digits of a number system.
fn is_alphabet(text: &str) -> bool {
    let next = |pair: &&[u8]| pair[0].checked_add(1) == Some(pair[1]);
    let follow = text.as_bytes().windows(2).filter(next).count();
    follow * 100 >= text.len() * 75
}

fn personal(text: &str) -> Option<&'static str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@' | '%');
    if text.split(|c: char| !is_part(c)).any(is_address) {
        return Some("an address of a person");
    }
    if holds_phone_number(text) {
        return Some("a phone number");
    }
    let homes = ["/home/", "/Users/", "\\Users\\", "\\\\Users\\\\"];
    let somebodys = |start: &str| {
        text.match_indices(start).any(|(at, _)| {
            let rest = text.get(at + start.len()..).unwrap_or_default();
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
                .collect();
            let inside = rest[name.len()..].starts_with(['/', '\\']);
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            let begins = before.is_none_or(|c| !c.is_alphanumeric() && !"._-".contains(c));
            let ends = begins && !is_page(&name);
            (inside || ends) && !name.is_empty() && !is_anybody(&name)
        })
    };
    let found =
        homes.into_iter().any(somebodys) || holds_path_of_root(text) || holds_joined_home(text);
    found.then_some("a path into a home folder")
}

/// `Path('/home', 'name')`, `Path('/home') / 'name'` and `join('/home', 'name')`. Without the call it may be a list of pages.
fn holds_joined_home(text: &str) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    let name_after = |at: usize, start: &str| {
        let called = text[..at].strip_suffix(QUOTES)?;
        if !called.ends_with("join(") && !called.ends_with("Path(") {
            return None;
        }
        let rest = text[at + start.len()..].trim_start_matches('/');
        let rest = rest.strip_prefix(QUOTES)?;
        let rest = rest.trim_start_matches([')', ',', '/', ' ', '\n']);
        rest.strip_prefix(QUOTES)?.split(['"', '\'', '/']).next()
    };
    ["/home", "/Users"].into_iter().any(|start| {
        text.match_indices(start)
            .filter_map(|(at, _)| name_after(at, start))
            .any(|name| !name.is_empty() && !is_anybody(name) && !is_page(name))
    })
}

/// `/root/` with a hidden folder in it or three real names below: `/root/a/../b` stands in many an exercise about paths.
fn holds_path_of_root(text: &str) -> bool {
    let root = "/root/";
    text.match_indices(root).any(|(at, _)| {
        let begins = text[..at].chars().next_back();
        let begins = begins.is_none_or(|c| !c.is_alphanumeric() && !"._-/".contains(c));
        let rest = &text[at + root.len()..];
        let is_part = |c: char| c.is_alphanumeric() || "._-/".contains(c);
        let path = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
        let deep = steps.len() >= 3 && steps.iter().all(|step| step.len() >= 3);
        let hidden = path.starts_with('.') && !path.starts_with("..");
        begins && (hidden || deep)
    })
}

/// A number with its country in front, of 9 to 15 digits, that is not one of those which stand for any.
fn holds_phone_number(text: &str) -> bool {
    text.match_indices('+').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let begins = before.is_none_or(|c| c.is_whitespace() || "\"':(,[".contains(c));
        let rest = &text[at + 1..];
        let is_part = |c: char| c.is_ascii_digit() || " -()./".contains(c);
        let number = rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())].trim_end();
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let quoted = before.is_some_and(|c| "\"':".contains(c));
        let grouped = number.len() > digits.len() || quoted && digits.len() >= 11;
        let repeats = |n: usize| {
            let bytes = digits.as_bytes();
            bytes.windows(n).any(|w| w.iter().all(|d| *d == w[0]))
        };
        let nobodys = digits.contains("123")
            || digits.contains("987")
            || repeats(4)
            // The exchange 555 of North America, and what Ofcom keeps for films and books.
            || digits.starts_with("1555")
            || digits.starts_with('1') && digits.get(4..7) == Some("555")
            || digits.starts_with("44207946")
            // A list of numbers, and no single one.
            || number.contains(" -")
            || number.contains("  ");
        begins
            && number.starts_with(|c: char| c.is_ascii_digit() && c != '0')
            && (9..=15).contains(&digits.len())
            && grouped
            && !nobodys
    })
}

/// The last part of `/home/about`: where a site's pages lie, rather than a person's files.
fn is_page(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let file = name.rsplit_once('.').is_some_and(|(_, end)| {
        (1..=4).contains(&end.len()) && end.chars().all(|c| c.is_ascii_alphanumeric())
    });
    file || PAGES
        .split_whitespace()
        .any(|p| p.eq_ignore_ascii_case(name))
}

fn is_address(token: &str) -> bool {
    let token = token.trim_matches(['.', '-']);
    let Some((local, domain)) = token.split_once('@') else {
        return false;
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let real = labels.len() >= 2
        && labels.iter().all(|l| !l.is_empty() && !l.contains('@'))
        && labels
            .last()
            .is_some_and(|l| l.len() >= 2 && l.chars().all(char::is_alphabetic));
    let reserved = NOBODYS.split_whitespace().any(|d| d == domain)
        || ["example", "test", "invalid", "local"].contains(labels.last().unwrap_or(&""))
        || labels.contains(&"example");
    // `a@b.co`, `foo@bar.com`: nobody's, but not where people have their mail.
    let first = labels.first().copied().unwrap_or_default();
    let provider = PROVIDERS.split_whitespace().any(|p| p == first);
    let made_up = if provider {
        local.len() <= 3
    } else {
        local.len() <= 4 || first.len() <= 3
    };
    real && !reserved && !made_up && !is_anybody(local)
}

fn is_anybody(name: &str) -> bool {
    let plain = name.to_ascii_lowercase();
    let plain = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    plain.len() <= 1 || ANYBODY.split_whitespace().any(|n| n == plain)
}

#[cfg(test)]
mod tests;
