//! What stands for choice over a real database, and which is taken.

use crate::dream::{Alternative, AttemptFact, Complexity};
use crate::ids::SessionId;
use crate::store::NewCluster;

use super::*;

#[test]
fn the_first_that_is_as_hard_as_wanted_is_taken_else_the_nearest() {
    use Difficulty::{Complex, Medium, Simple};
    let left = || [Simple, Complex, Simple, Complex].into_iter().enumerate();
    assert_eq!(nearest(left(), Complex), Some((1, Complex)));
    assert_eq!(nearest(left(), Medium), Some((0, Simple)));
    assert_eq!(nearest(left().skip(1), Simple), Some((2, Simple)));
    assert_eq!(nearest(left().filter(|_| false), Simple), None);
}

/// So many clusters of one short document each, `c0` first; the last is the one that was dreamed of.
const CLUSTERS: usize = 40;
const DREAMED: &str = "c39";

/// A planner without documented functions over a new database.
fn planner(folder: &std::path::Path) -> (Arc<Store>, Planner) {
    let docs = folder.join("docs");
    std::fs::create_dir(&docs).unwrap();
    for n in 0..CLUSTERS {
        let text = format!("# Part {n}\n\nThe part number {n} turns the wheel number {n}.\n");
        std::fs::write(docs.join(format!("part{n:02}.md")), text).unwrap();
    }
    let store = Arc::new(Store::open(&folder.join("d.db")).unwrap());
    let knowledge = Knowledge::new(Arc::clone(&store));
    knowledge.ingest(&[docs], &mut |_| ()).unwrap();
    // One for each document, with names of ours.
    let graph = store.graph_rows().unwrap();
    assert_eq!(graph.chunks.len(), CLUSTERS);
    let clusters: Vec<NewCluster> = graph
        .chunks
        .iter()
        .enumerate()
        .map(|(n, chunk)| NewCluster {
            label: format!("c{n}"),
            concepts: Vec::new(),
            degree: 1,
            chunks: vec![chunk.id],
        })
        .collect();
    assert!(
        store
            .replace_clusters(graph.changed, &[], &clusters)
            .unwrap()
    );
    let planner = Planner {
        knowledge,
        pack: None,
        difficulty: None,
        given: None,
        with_model: true,
        tried: HashSet::new(),
        solved: VecDeque::new(),
        open: VecDeque::new(),
        begun: HashMap::new(),
        since_woven: 0,
    };
    (store, planner)
}

fn learned(store: &Store) -> Learned {
    let session = SessionId::parse("0a0b0c0d").unwrap();
    Learned::load(store, &session, Complexity::Auto, Vec::new(), "2026-11-23").unwrap()
}

fn dream_of(planner: &Planner, label: &str, times: usize) {
    let rows = planner.knowledge.ranking().unwrap();
    let row = rows.iter().find(|row| row.label == label).unwrap();
    for _ in 0..times {
        assert!(planner.knowledge.mark_dreamed(row.id).unwrap());
    }
}

#[test]
fn a_cluster_that_was_dreamed_of_and_succeeds_stands_though_many_were_never_dreamed_of() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut planner) = planner(folder.path());
    dream_of(&planner, DREAMED, 4);
    for n in 0..16 {
        let fact = AttemptFact {
            topic: if n < 12 { "before" } else { DREAMED }.to_owned(),
            ..AttemptFact::example(n, n >= 12)
        };
        store.record_fact(&fact).unwrap();
    }
    let mut learned = learned(&store);
    assert!(learned.is_known());
    let name = format!("weaving from {DREAMED}");
    let mut taken = Vec::new();
    for n in 0..20 {
        let (plan, decisions) = planner.next(&mut learned).unwrap().unwrap();
        let alternatives = &decisions[0].alternatives;
        let told = alternatives.iter().find(|a| a.name == name);
        let share = told.expect("it stands each time").weight;
        // Nothing is dreamed of yet but that one.
        let clearly = |a: &Alternative| a.name == name || share > 1.5 * a.weight;
        assert!(n > 0 || alternatives.iter().all(clearly), "{decisions:?}");
        let Plan::Weave(weave) = plan else {
            panic!("there is nothing but clusters")
        };
        assert_eq!(weave.cluster.fragments.len(), 1, "it has its text");
        taken.push((weave.cluster.label, weave.cluster.dreamed));
    }
    // Two in play at once are not the same: what was begun counts before the knowledge hears of it.
    let mut apart = taken.clone();
    apart.sort();
    apart.dedup();
    assert_eq!(apart.len(), taken.len(), "{taken:?}");
}

#[test]
fn while_little_is_known_the_clusters_come_in_the_order_of_the_knowledge() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut planner) = planner(folder.path());
    dream_of(&planner, "c0", 1);
    let mut learned = learned(&store);
    assert!(!learned.is_known());
    let mut labels = Vec::new();
    for _ in 0..CLUSTERS {
        let (plan, _) = planner.next(&mut learned).unwrap().unwrap();
        let Plan::Weave(weave) = plan else {
            panic!("there is nothing but clusters")
        };
        labels.push(weave.cluster.label);
    }
    let mut expected: Vec<String> = (1..CLUSTERS).map(|n| format!("c{n}")).collect();
    // Once all were dreamed of once, the first is the first again.
    expected.push("c0".to_owned());
    assert_eq!(labels, expected);
}
