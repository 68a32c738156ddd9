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
    firstname.lastname name.surname your.name yourname foo bar baz qux abcd asdf runner app ubuntu vagrant";

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
    company.com site.com foo.com bar.com mydomain.com yourdomain.com";

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
    text.lines()
        .any(assigned_secret)
        .then_some("a password or a key")
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
    (mixed || capitals || hexadecimal) && distinct.len() >= 8 && !text.contains(' ')
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
    let found = homes.into_iter().any(somebodys) || holds_path_of_root(text);
    found.then_some("a path into a home folder")
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
mod tests {
    use super::{personal, rule, secret};
    use crate::dream::{Candidate, Check, CheckKind, Reason, Route, Scenario, Serve};
    use crate::guardian::ruling::Ruling;

    #[test]
    fn every_text_that_is_shown_to_others_is_looked_at() {
        let leak = || "see /home/mkowalska".to_owned();
        let serve = |path: &str, body: String| {
            let (path, status, delay_ms) = (path.to_owned(), 200, 0);
            let routes = vec![Route {
                path,
                status,
                body,
                delay_ms,
            }];
            Some(Serve { routes })
        };
        let changes: [fn(&mut Candidate, String); 10] = [
            |c, leak| c.code = leak,
            |c, leak| c.scenario.title = leak,
            |c, leak| c.scenario.description = leak,
            |c, leak| c.scenario.test_cases = vec![leak],
            |c, leak| c.scenario.libraries = vec![leak],
            |c, leak| c.scenario.in_place = vec![leak],
            |c, leak| c.checks[0].setup = leak,
            |c, leak| c.checks[0].given = [("a".to_owned(), leak)].into(),
            |c, leak| c.checks[0].kind = CheckKind::Raises { error: leak },
            |c, leak| c.hidden_checks[0].call = leak,
        ];
        let clean = Candidate {
            scenario: Scenario::default(),
            code: String::new(),
            checks: vec![Check::example("f()", "1")],
            hidden_checks: vec![Check::example("f()", "1")],
        };
        let personal =
            |c: &Candidate| matches!(rule(c), Ruling::Fail(Reason::HoldsPersonalData, _));
        assert!(!personal(&clean));
        for (at, change) in changes.into_iter().enumerate() {
            let mut candidate = clean.clone();
            change(&mut candidate, leak());
            assert!(personal(&candidate), "change {at}");
        }
        let mut candidate = clean.clone();
        candidate.checks[0].serve = serve("/a", leak());
        assert!(personal(&candidate));
        candidate.checks[0].serve = serve("/home/mkowalska", String::new());
        assert!(personal(&candidate));
    }

    /// Put together here, so that no scanner takes this file for a leak.
    fn random(start: &str, length: usize) -> String {
        let letters = "aB3xY9kQ7mZ2pL5wT8rN4cV6";
        start
            .chars()
            .chain(letters.chars().cycle().take(length))
            .collect()
    }

    #[test]
    fn keys_of_the_usual_forms_are_told() {
        for text in [
            format!("x = '{}'", random("ghp_", 36)),
            format!("{}Q7{}", "AKIA", "ABCD2345EFGH67"),
            format!("-----{} RSA PRIVATE {}-----", "BEGIN", "KEY"),
            format!("eyJ{0}.eyJ{0}.{0}", random("", 20)),
            format!("API_KEY = \"{}\"", random("", 24)),
            format!("{{'password': '{}'}}", random("", 22)),
            format!("SECRET_KEY = '{}'", random("", 24)),
            format!("API_TOKEN: str = \"{}\"", random("", 24)),
            format!("AWS_SECRET_ACCESS_KEY={}", random("", 40)),
        ] {
            assert!(secret(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn ordinary_text_is_no_secret() {
        for text in [
            "def token(text): return text.split()[0]",
            "is_strong('Passw0rd!')",
            "password = 'correct horse battery staple'",
            "sk-learn is no key",
            "secret = 'abcdefghijklmnopqrstuvwxyz'",
            "token_count = compute_total_of_all_tokens(12345, Value)",
            "password: str = None",
            "hashlib.sha256(b'').hexdigest()",
        ] {
            assert_eq!(secret(text), None, "{text}");
        }
    }

    #[test]
    fn people_are_told_from_placeholders() {
        for text in [
            "Write to maria.kowalska@posteo.de.",
            "open('/home/mkowalska/notes.txt')",
            "C:\\Users\\mkowalska\\x",
            "cd /home/mkowalska",
            "HOME='/home/mkowalska'",
            "/Users/mkowalska.",
            "maria.kowalska@gmx.de",
            "anna@posteo.de",
            "open('/root/projects/billing/main.py')",
            "/root/.ssh/id",
            "call +49 170 5558231",
            "'+48-601-774-212'",
            "C:\\Users\\mkowalska",
        ] {
            assert!(personal(text).is_some(), "{text}");
        }
        for text in [
            "user@example.com",
            "is_email('first.last@sub.example.org')",
            "a@b.co and foo@bar.com",
            "john.doe@company.com",
            "mail_host('john.smith@gmail.com')",
            "normalize('/root/a/../b')",
            "'+1 555 867 5309' and '+49 30 1234567'",
            "a +17055582310 + b",
            "x = 1 + 20 - 30 + 405060708",
            "'+14155552671', '+1-202-555-0143'",
            "'+10 -20 -30 -40 -50'",
            "/home/user/file.txt",
            "/home/",
            "route('/home/about')",
            "https://site.com/home/mkowalska",
            "open('/home/notes.txt')",
            "/home/user",
            "f'/home/{name}'",
            "x @ y",
            "@dataclass",
        ] {
            assert_eq!(personal(text), None, "{text}");
        }
    }
}
