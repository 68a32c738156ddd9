//! Tests of the room around.

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
    let personal = |c: &Candidate| matches!(rule(c), Ruling::Fail(Reason::HoldsPersonalData, _));
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
        format!("x = 'postgresql://svc:{}@db.net:5432/b'", random("", 12)),
        format!(
            "https://hooks.slack.com/services/T02/B05/{}",
            random("", 24)
        ),
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
        "TOKEN_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'",
        "secret = '0123456789abcdef0123456789abcdef'",
        "host('postgresql://user:secret@db.example:5432/b')",
        "parse('https://bob:pa55word@example.com/a@b')",
        "https://hooks.slack.com/services/T000/B000/XXXX",
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
        "PurePosixPath('/home', 'mkowalska', 'logs')",
        "Path(\"/Users/\") / \"mkowalska\" / 'x'",
        "os.path.join('/home', 'mkowalska/x')",
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
        "mask('sarah@acme.com')",
        "name('/home/pi/clock.py')",
        "pages = ['/home', 'basket', 'checkout']",
        "Path('/home', 'user', 'x')",
        "Path('/home') / name",
    ] {
        assert_eq!(personal(text), None, "{text}");
    }
}
