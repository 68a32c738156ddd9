//! What a task's own words say against solutions that agree with each other and meet every check: the letters that it
//! means, and the error that it names.

use std::sync::atomic::{AtomicUsize, Ordering};

use dreamer::config::LlmChoice;
use dreamer::weaver::prompt::CHECKS_MARK;

use crate::session::{backends, given, night, saved, settings};
use crate::support::World;
use crate::support::fake_llm::{Behaviour, FakeLlm};

/// Dreams saved of `task` by a model that writes `solutions` and `lists` of checks in turn, the last of each again and
/// again.
async fn dreams(
    task: &str,
    solutions: [&'static str; 2],
    lists: [&'static str; 2],
) -> Option<Vec<serde_json::Value>> {
    let backend = backends().await.into_iter().next()?;
    let world = World::new();
    let (solved, listed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let llm = FakeLlm::scripted(move |asked| {
        let (from, turn) = if asked.question().contains(CHECKS_MARK) {
            (lists, &listed)
        } else {
            (solutions, &solved)
        };
        Behaviour::code(from[turn.fetch_add(1, Ordering::SeqCst).min(1)])
    })
    .await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    night(&settings, given(task.to_owned())).await;
    Some(saved(&settings.output_dir))
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_task_means_the_letters_of_ascii_a_solution_that_takes_others_is_wrong() {
    let task = "Write a function `louder(text: str) -> str` that turns each of the letters a-z in `text` to upper case. All \
                other characters stay as they are.\n\n>>> louder('ab-c')\n'AB-C'\n>>> louder('Xy')\n'XY'";
    let checks = "assert louder('') == ''\nassert louder('q') == 'Q'\nassert louder('A1b') == 'A1B'\nassert louder('zz') \
                  == 'ZZ'\nassert louder('...') == '...'\nassert louder('m n') == 'M N'";
    let every_script = [
        "def louder(text):\n    return ''.join(c.upper() if c.isalpha() else c for c in text)",
        "def louder(text):\n    out = ''\n    for c in text:\n        if c.islower():\n            c = c.upper()\n        \
         out += c\n    return out",
    ];
    let ascii = [
        "def louder(text):\n    return ''.join(c.upper() if 'a' <= c <= 'z' else c for c in text)",
        "def louder(text):\n    out = ''\n    for c in text:\n        if c.isascii() and c.islower():\n            c = \
         c.upper()\n        out += c\n    return out",
    ];
    let Some(false_ones) = dreams(task, every_script, [checks; 2]).await else {
        return;
    };
    assert!(false_ones.is_empty(), "{false_ones:?}");
    let right = dreams(task, ascii, [checks; 2]).await.expect("a backend");
    assert_eq!(right.len(), 1, "{right:?}");
    // Where the task means every letter, so may the solution.
    let any = task.replace("letters a-z", "letters");
    let right = dreams(&any, every_script, [checks; 2]).await;
    assert_eq!(right.expect("a backend").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_the_task_names_is_seen_or_nothing_is_saved() {
    let task = "Write a function `half(n: int) -> int` that returns half of `n`. Raise ValueError if `n` is not even.\n\n\
                >>> half(4)\n2\n>>> half(10)\n5";
    let silent = "assert half(0) == 0\nassert half(2) == 1\nassert half(-6) == -3\nassert half(8) == 4\nassert half(100) \
                  == 50\nassert half(12) == 6";
    let telling = "with raises(ValueError): half(3)\nassert half(14) == 7";
    let raising = [
        "def half(n):\n    if n % 2:\n        raise ValueError('odd')\n    return n // 2",
        "def half(n):\n    whole, rest = divmod(n, 2)\n    if rest != 0:\n        raise ValueError(n)\n    return whole",
    ];
    let forgetful = [
        "def half(n):\n    return n // 2",
        "def half(n):\n    return int(n / 2)",
    ];
    let Some(unseen) = dreams(task, raising, [silent; 2]).await else {
        return;
    };
    assert!(unseen.is_empty(), "{unseen:?}");
    for lists in [[silent; 2], [silent, telling], [telling, silent]] {
        let forgotten = dreams(task, forgetful, lists).await.expect("a backend");
        assert!(forgotten.is_empty(), "{lists:?}: {forgotten:?}");
    }
    // A further list may hold it.
    let seen = dreams(task, raising, [silent, telling]).await;
    assert_eq!(seen.expect("a backend").len(), 1);
}
