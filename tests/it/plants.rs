//! The false-pass rate while sessions run: bad candidates are planted for every dream that is accepted, and one that gets
//! through though it is bad beyond doubt ends the saving.

use dreamer::clock;
use dreamer::config::LlmChoice;
use dreamer::dream::SessionStatus;
use dreamer::ids::SessionId;
use dreamer::store::Store;

use crate::session::{TOOLS, backends, given, know, night, request, saved, settings};
use crate::support::World;
use crate::support::fake_llm::{Behaviour, FakeLlm};

#[tokio::test(flavor = "multi_thread")]
async fn bad_candidates_are_planted_for_what_is_accepted() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let settings = settings(&world, backend, LlmChoice::Forbidden);
    know(&world, &settings, "tools.py", TOOLS);
    let report = night(&settings, request(3)).await;
    assert_eq!(report.dreams_successful, 3, "{report:?}");
    let store = Store::open(&settings.database()).expect("the store opens");
    let plants = store.plants(300).expect("plants");
    let certain = plants
        .iter()
        .filter(|(class, _)| class == "certain")
        .count();
    assert_eq!(certain, 3, "one for each dream: {plants:?}");
    assert!(
        plants.iter().any(|(class, _)| class == "shown"),
        "{plants:?}"
    );
    let rates = &report.measured.plants;
    assert_eq!(
        rates.get("certain").map(|rate| (rate.tried, rate.through)),
        Some((3, 0)),
        "{rates:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn once_a_certain_one_got_through_nothing_is_saved() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let settings = settings(&world, backend, LlmChoice::Forbidden);
    know(&world, &settings, "tools.py", TOOLS);
    Store::open(&settings.database())
        .expect("the store opens")
        .record_plant(&SessionId::new(), clock::utc(), "certain", "forgery", true)
        .expect("it is recorded");
    let report = night(&settings, request(3)).await;
    assert_eq!(report.status, SessionStatus::Error, "{report:?}");
    assert_eq!(report.dreams_successful, 0, "{report:?}");
    assert!(saved(&settings.output_dir).is_empty());
    let said = report.hints.join("\n");
    assert!(said.contains("cannot be trusted"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_too_many_shown_ones_got_through_nothing_is_saved() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    // Four of forty: the lower bound of the rate is 2.8 %; eight: 9.1 %.
    for (through, saved_) in [(4, 3), (8, 0)] {
        let world = World::new();
        let settings = settings(&world, backend, LlmChoice::Forbidden);
        know(&world, &settings, "tools.py", TOOLS);
        let store = Store::open(&settings.database()).expect("the store opens");
        for number in 0..40 {
            store
                .record_plant(
                    &SessionId::new(),
                    clock::utc(),
                    "shown",
                    "mutant",
                    number < through,
                )
                .expect("it is recorded");
        }
        let report = night(&settings, request(3)).await;
        assert_eq!(report.dreams_successful, saved_, "{report:?}");
        assert_eq!(saved(&settings.output_dir).is_empty(), saved_ == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tells_a_mutant_that_got_through_is_a_check_of_its_dream_from_then_on() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    // Nobody asks about 6: `>=`, and 5 in the place of 6, get through.
    let code = "def fold(n):\n    return n - 6 if n > 6 else 2 * n";
    let list = "assert fold(0) == 0\nassert fold(-2) == -4\nassert fold(20) == 14\nassert fold(9) == 3\nassert fold(7) == 1\n\
                assert fold(-1) == -2\nassert fold(1) == 2";
    let task = "Write a function `fold(n: int) -> int` that returns twice `n`; where `n` is above 6 it returns `n` less 6.\n\n\
                >>> fold(2)\n4\n>>> fold(5)\n10";
    // Another mutant is planted in each turn.
    for turn in 0..16 {
        let world = World::new();
        let llm = FakeLlm::competent_with(1, move |asked| {
            asked.answered(|_| Behaviour::code(list), code)
        })
        .await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        let store = Store::open(&settings.database()).expect("the store opens");
        let before = |class: &str, count| {
            for _ in 0..count {
                store
                    .record_plant(&SessionId::new(), clock::utc(), class, "earlier", false)
                    .expect("it is recorded");
            }
        };
        before("certain", turn);
        // Else a single one that gets through would be an alarm.
        before("shown", 60);
        let report = night(&settings, given(task.to_owned())).await;
        assert_eq!(report.dreams_successful, 1, "{report:?}");
        let plants = store.plants(300).expect("plants");
        if !plants.iter().any(|(_, through)| *through) {
            continue;
        }
        for dream in saved(&settings.output_dir) {
            let hidden = dream["hidden_checks"].as_array().expect("checks");
            let told =
                |check: &serde_json::Value| check["call"] == "fold(6)" && check["expect"] == "12";
            assert!(hidden.iter().any(told), "{hidden:?}");
        }
        return;
    }
    panic!("no mutant got through in 16 turns");
}
