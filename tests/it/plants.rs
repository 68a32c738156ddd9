//! The false-pass rate while sessions run: bad candidates are planted for every dream that is accepted, and one that gets
//! through though it is bad beyond doubt ends the saving.

use dreamer::clock;
use dreamer::config::LlmChoice;
use dreamer::dream::SessionStatus;
use dreamer::ids::SessionId;
use dreamer::store::Store;

use crate::session::{TOOLS, backends, know, night, request, saved, settings};
use crate::support::World;

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
