//! Statistics of the samplers: against brute force, against sums over all events, and never an event that has gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::experience::event::{Event, EventId};
use crate::experience::line::Line;
use crate::experience::priority::{ALPHA, weight};
use crate::experience::window::Limits;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

fn line(number: u64, priority: f64, event_type: &'static str) -> Arc<Line> {
    let mut event = Event::new(event_type, "test");
    event.priority = Some(priority);
    event.data = number.into();
    Line::of(event, EventId::of(&number.to_string()), NOW).unwrap()
}

thread_local! {
    /// Lines of the first events: writing JSON a hundred thousand times over would be most of the time.
    static LINES: Vec<Arc<Line>> = (0..30).map(|number| line(number, 1.0, "a")).collect();
}

fn again(number: u64, priority: f64) -> Line {
    let one = LINES.with(|lines| Arc::clone(&lines[usize::try_from(number).unwrap()]));
    Line {
        priority,
        ..(*one).clone()
    }
}

fn small(events: usize, hot: usize) -> Window {
    Window::new(Limits {
        hot,
        events,
        ..Limits::default()
    })
}

/// The value that chi-square with `freedom` degrees exceeds one time in a thousand (Wilson and Hilferty).
fn critical(freedom: usize) -> f64 {
    let k = freedom as f64;
    k * (1.0 - 2.0 / (9.0 * k) + 3.0902 * (2.0 / (9.0 * k)).sqrt()).powi(3)
}

#[track_caller]
fn fits(seen: &HashMap<u64, u64>, expected: &HashMap<u64, f64>) {
    let drawn: u64 = seen.values().sum();
    let strangers: Vec<_> = seen
        .keys()
        .filter(|seq| !expected.contains_key(seq))
        .collect();
    assert!(strangers.is_empty(), "drawn and not there: {strangers:?}");
    let chi: f64 = expected
        .iter()
        .map(|(seq, share)| {
            let wanted = share * drawn as f64;
            let got = seen.get(seq).copied().unwrap_or(0) as f64;
            (got - wanted).powi(2) / wanted
        })
        .sum();
    let most = critical(expected.len() - 1);
    assert!(
        chi < most,
        "chi-square {chi:.1} over {most:.1} after {drawn} draws"
    );
}

/// A window that has wrapped round several times, with priorities from 0.001 to 20, some of them changed later.
fn worn(alpha: f64) -> (Window, HashMap<u64, f64>) {
    let mut window = Window::new(Limits {
        hot: 120,
        events: 500,
        alpha,
        ..Limits::default()
    });
    let mut priorities = HashMap::new();
    for number in 0..4321_u64 {
        let priority = 0.001 + (number * 7919 % 1000) as f64 / 50.0;
        let seq = window.push(&line(number, priority, "a"), NOW);
        priorities.insert(seq, priority);
        if number % 3 == 0 {
            let changed = seq.saturating_sub(number % 40);
            if window.update_priorities(&[(changed, 1.5)]) == 1 {
                priorities.insert(changed, 1.5);
            }
        }
    }
    (window, priorities)
}

/// Probabilities by going over all events that are in scope, from their priorities and not from what the tree makes of
/// them.
fn brute(
    window: &Window,
    priorities: &HashMap<u64, f64>,
    scope: Scope,
    alpha: f64,
) -> HashMap<u64, f64> {
    shares(window, scope, |seq| priorities[&seq].powf(alpha))
}

fn shares(window: &Window, scope: Scope, weight: impl Fn(u64) -> f64) -> HashMap<u64, f64> {
    let weights: Vec<(u64, f64)> = window.range(scope).map(|seq| (seq, weight(seq))).collect();
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    weights
        .into_iter()
        .map(|(seq, weight)| (seq, weight / total))
        .collect()
}

fn count(window: &mut Window, ask: &Ask, draws: usize, chance: u64) -> HashMap<u64, u64> {
    let mut draw = Draw::seeded(chance);
    let mut seen = HashMap::new();
    for _ in 0..draws / ask.count {
        for item in window.sample(ask, &mut draw).items() {
            *seen.entry(item.seq).or_default() += 1;
        }
    }
    seen
}

const MILLION: usize = 1_000_000;

#[test]
fn a_million_prioritized_draws_fall_as_brute_force_says() {
    // By trial, and with one event so heavy that nearly every trial would fail, down the tree.
    for (alpha, heaviest) in [
        (ALPHA, None),
        (ALPHA, Some(1e6)),
        (1.0, Some(5e4)),
        (0.0, Some(1e6)),
    ] {
        let (mut window, mut priorities) = worn(alpha);
        assert_eq!(window.len(), 500);
        if let Some(priority) = heaviest {
            let seq = window.range(Scope::Hot).start + 7;
            assert_eq!(window.update_priorities(&[(seq, priority)]), 1);
            priorities.insert(seq, priority);
        }
        for scope in [Scope::Window, Scope::Hot] {
            let expected = brute(&window, &priorities, scope, alpha);
            let ask = Ask::new(Strategy::Prioritized, 250).of(scope);
            fits(&count(&mut window, &ask, MILLION, 11), &expected);
        }
    }
}

#[test]
fn a_million_uniform_and_recent_draws_are_even() {
    let (mut window, _) = worn(ALPHA);
    let even = |range: std::ops::Range<u64>| {
        let share = 1.0 / (range.end - range.start) as f64;
        range.map(|seq| (seq, share)).collect::<HashMap<_, _>>()
    };
    let expected = even(window.range(Scope::Window));
    fits(
        &count(&mut window, &Ask::new(Strategy::Uniform, 250), MILLION, 12),
        &expected,
    );
    let mut long = small(11_000, 100);
    for number in 0..11_000 {
        long.push(&line(number, 1.0, "a"), NOW);
    }
    let expected = even(1000..11_000);
    fits(
        &count(&mut long, &Ask::new(Strategy::Recent, 250), MILLION, 13),
        &expected,
    );
}

/// With and without replacement differ: the second of two draws leaves the first one out.
#[test]
fn pairs_without_replacement_fall_as_counting_all_pairs_says() {
    let mut window = small(8, 8);
    let priorities = [0.1, 5.0, 1.0, 0.5, 20.0, 2.0, 0.02, 3.0];
    for (number, priority) in (0..).zip(priorities) {
        window.push(&line(number, priority, "a"), NOW);
    }
    let weights = priorities.map(|p: f64| p.powf(ALPHA));
    let total: f64 = weights.iter().sum();
    let mut expected = HashMap::new();
    for (a, first) in (0_u64..).zip(weights) {
        for (b, second) in (0_u64..).zip(weights) {
            if a != b {
                expected.insert(a * 8 + b, first / total * second / (total - first));
            }
        }
    }
    let ask = Ask::new(Strategy::Prioritized, 2).without_replacement();
    let mut draw = Draw::seeded(14);
    let mut seen = HashMap::new();
    for _ in 0..MILLION / 2 {
        let batch = window.sample(&ask, &mut draw);
        let [a, b] = batch.items() else {
            panic!("two were asked for")
        };
        *seen.entry(a.seq * 8 + b.seq).or_default() += 1;
    }
    fits(&seen, &expected);
}

#[test]
fn a_draw_that_is_bent_is_noticed() {
    let (mut window, priorities) = worn(ALPHA);
    let mut expected = brute(&window, &priorities, Scope::Window, ALPHA);
    // As if one event in five hundred had half its share too much.
    let seq = window.range(Scope::Window).start + 7;
    expected.entry(seq).and_modify(|share| *share *= 1.5);
    let seen = count(
        &mut window,
        &Ask::new(Strategy::Prioritized, 250),
        MILLION,
        11,
    );
    assert!(std::panic::catch_unwind(|| fits(&seen, &expected)).is_err());
}

#[test]
fn what_is_too_old_or_too_much_is_gone() {
    let mut window = Window::new(Limits {
        age: Duration::from_mins(1),
        bytes: 1000,
        ..Limits::default()
    });
    window.push(&line(0, 1.0, "a"), NOW);
    let later = NOW + jiff::SignedDuration::from_secs(61);
    window.expire(later);
    assert!(window.is_empty() && window.overhead_bytes() < 100_000);
    let ask = Ask::new(Strategy::Prioritized, 4);
    assert!(window.sample(&ask, &mut Draw::seeded(1)).is_empty());
    for number in 1..100 {
        window.push(&line(number, 1.0, "a"), NOW);
    }
    let text = window
        .text(window.range(Scope::Window).start)
        .unwrap()
        .len();
    assert!(window.len() * text <= 1000 && window.len() > 5);
    assert_eq!(
        window.range(Scope::Window).end,
        100,
        "numbers are never used again"
    );
}

#[test]
fn a_diverse_batch_holds_every_kind_and_never_repeats() {
    let mut window = small(10_000, 10_000);
    for number in 0..5000 {
        window.push(&line(number, 1.0, "common"), NOW);
    }
    for (number, kind) in (5000..).zip(["rare", "odd", "rare", "single"]) {
        window.push(&line(number, 1.0, kind), NOW);
    }
    let mut draw = Draw::seeded(3);
    let ask = Ask::new(Strategy::Diverse, 32);
    let batch = window.sample(&ask, &mut draw);
    let kinds: HashSet<String> = batch
        .records()
        .map(|record| record.event.event_type.into_owned())
        .collect();
    assert_eq!((batch.len(), kinds.len()), (32, 4), "{kinds:?}");
    let seqs: HashSet<u64> = batch.items().iter().map(|item| item.seq).collect();
    assert_eq!(seqs.len(), 32);
    let uniform = window.sample(&Ask::new(Strategy::Uniform, 32), &mut draw);
    assert!(batch.diversity() > uniform.diversity());
}

/// Of texts that mostly say the same, the few that differ are all in the batch.
#[test]
fn a_diverse_batch_takes_what_lies_apart() {
    let mut window = small(1000, 1000);
    let words = [
        "matrix rotate",
        "query string parse",
        "graph shortest path",
        "roman numerals",
    ];
    for number in 0..60_u64 {
        let mut event = Event::new("a", "test");
        let text = if number % 15 == 7 {
            words[(number / 15) as usize]
        } else {
            "sort a list of words"
        };
        event.data = text.into();
        let line = Line::of(event, EventId::of(&number.to_string()), NOW).unwrap();
        window.push(&line, NOW);
    }
    let batch = window.sample(&Ask::new(Strategy::Diverse, 8), &mut Draw::seeded(5));
    let apart = batch
        .records()
        .filter(|record| record.event.data != "sort a list of words")
        .count();
    assert_eq!(apart, 4);
}

#[test]
fn a_batch_knows_its_rewards() {
    let mut window = small(100, 100);
    for number in 0..10_u64 {
        let mut event = Event::new("end", "test");
        event.reward = Some(if number < 4 { 1.0 } else { -0.5 });
        event.done = true;
        window.push(
            &Line::of(event, EventId::of(&number.to_string()), NOW).unwrap(),
            NOW,
        );
    }
    let ask = Ask::new(Strategy::Uniform, 50).without_replacement();
    let batch = window.sample(&ask, &mut Draw::seeded(1));
    assert_eq!(batch.len(), 10);
    assert!((batch.success_rate().unwrap() - 0.4).abs() < 1e-12);
    assert!((batch.mean_reward().unwrap() - 0.1).abs() < 1e-12);
}

/// A priority of any size that comes up, and of those that should not.
fn any_priority(draw: &mut Draw) -> f64 {
    let part = draw.below(1 << 20) as f64 / f64::from(1 << 20);
    match draw.below(4) {
        0 => 0.0,
        1 => part * 1e-3,
        2 => part * 100.0,
        _ => part * 1e9,
    }
}

/// One case: a window that was filled, changed and emptied at random.
fn any_window(draw: &mut Draw) -> (Window, HashMap<u64, f64>) {
    let up_to = |most, draw: &mut Draw| usize::try_from(1 + draw.below(most)).unwrap();
    let (events, hot) = (up_to(24, draw), up_to(24, draw));
    let mut window = small(events, hot);
    let mut priorities = HashMap::new();
    let mut number = 0;
    for _ in 0..up_to(29, draw) {
        let priority = any_priority(draw);
        if draw.below(5) == 0 {
            let seq = u64::saturating_sub(number, draw.below(40) + 1);
            if window.update_priorities(&[(seq, priority)]) == 1 {
                priorities.insert(seq, priority);
            }
        } else {
            let seq = window.push(&again(number, priority), NOW);
            assert_eq!(seq, number);
            priorities.insert(seq, priority);
            number += 1;
        }
    }
    let kept = u64::saturating_sub(number, events as u64)..number;
    assert_eq!(window.range(Scope::Window), kept);
    (window, priorities)
}

/// A hundred thousand windows; each is asked in one way of the sixteen.
#[test]
fn weights_are_those_of_an_oracle_and_nothing_that_has_gone_is_drawn() {
    for case in 0..100_000 {
        let mut draw = Draw::seeded(case);
        let (mut window, priorities) = any_window(&mut draw);
        let scope = [Scope::Window, Scope::Hot][usize::try_from(case % 2).unwrap()];
        let strategy = [
            Strategy::Prioritized,
            Strategy::Uniform,
            Strategy::Prioritized,
            Strategy::Recent,
            Strategy::Diverse,
        ][usize::try_from(case / 2 % 5).unwrap()];
        let ask = Ask {
            strategy,
            scope,
            count: usize::try_from(1 + draw.below(11)).unwrap(),
            replace: draw.below(2) == 0,
            beta: draw.below(101) as f64 / 100.0,
            ..Ask::new(strategy, 0)
        };
        let range = window.range(scope);
        let batch = window.sample(&ask, &mut draw);
        let there = usize::try_from(range.end - range.start).unwrap();
        let repeats = ask.replace && strategy != Strategy::Diverse;
        let expected = match there {
            0 => 0,
            _ if repeats => ask.count,
            there => ask.count.min(there),
        };
        assert_eq!(batch.len(), expected, "case {case}");
        let seqs: HashSet<u64> = batch.items().iter().map(|item| item.seq).collect();
        assert!(repeats || seqs.len() == batch.len(), "case {case} repeats");
        for item in batch.items() {
            assert!(
                range.contains(&item.seq),
                "case {case}: {} has gone",
                item.seq
            );
            // The text is that of the event with this number.
            let said = format!("\"data\":{},", item.seq);
            assert!(batch.text(item).contains(&said), "case {case}");
        }
        if strategy == Strategy::Prioritized {
            // What is made good for is the draw as it is: in whole steps.
            let held = |seq: u64| f64::from(weight(priorities[&seq], ALPHA));
            let oracle = shares(&window, scope, held);
            let plain = |seq: u64| (there as f64 * oracle[&seq]).powf(-ask.beta);
            let most = batch
                .items()
                .iter()
                .map(|item| plain(item.seq))
                .fold(0.0, f64::max);
            for item in batch.items() {
                let off = (item.weight - plain(item.seq) / most).abs();
                assert!(off < 1e-9, "case {case}: a weight is off by {off}");
                assert!(
                    (item.probability - oracle[&item.seq]).abs() < 1e-9,
                    "case {case}"
                );
            }
        }
        // Drawing without replacement leaves no trace.
        let all = window.range(Scope::Window);
        let total: u64 = all
            .map(|seq| u64::from(weight(priorities[&seq], ALPHA)))
            .sum();
        assert_eq!(window.tree().total(), total, "case {case}");
    }
}
