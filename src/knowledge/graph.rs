//! Chunks that belong together: a graph of chunks, weighted by the rare entities they share and by standing side by
//! side, cut into communities by Leiden. Called by `community`; pure and deterministic (seeded, ties by order).
//!
//! Owner of the crate leiden-rs.

use std::collections::HashMap;

use leiden_rs::{GraphDataBuilder, Leiden, LeidenConfig};

/// One node: `document` and the order of nodes give neighbourhood, `mentions` give likeness.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) document: i64,
    /// Entity and weight.
    pub(crate) mentions: Vec<(u32, f32)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Link {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) weight: f64,
}

/// Any fixed number: equal knowledge gives equal clusters.
const SEED: u64 = 4;
/// Links kept per chunk. More make every cluster a hair-ball, fewer leave islands; measured on the Python documentation.
const LINKS_PER_CHUNK: usize = 10;
/// An entity in more chunks than this tells nothing and costs the square of its count.
const MAX_ENTITY_SPREAD: usize = 120;
/// Weight of standing next to each other in one document, relative to the likeness of two equal chunks, which is 1.
const NEIGHBOUR: f64 = 0.6;
/// The same, two places apart.
const NEAR: f64 = 0.3;
/// Start of the search for clusters that are topics and not books.
const RESOLUTION: f64 = 2.0;
/// A topic of more chunks than this is several topics.
const TOPIC_CHUNKS: usize = 48;
/// In a small corpus: no cluster over a tenth of it, but never cut below this.
const SMALLEST_CAP: usize = 8;
/// Doublings of the resolution before a stubborn cluster is cut by the order of its text.
const MAX_ROUNDS: u32 = 6;
/// The crate's own default is 100; the partition hardly changes after ten.
const MAX_ITERATIONS: usize = 20;

/// The largest cluster that may come out of so many chunks.
pub(crate) fn size_cap(chunks: usize) -> usize {
    (chunks / 10).clamp(SMALLEST_CAP, TOPIC_CHUNKS)
}

/// Links between the nodes, each pair once, in order.
pub(crate) fn links(nodes: &[Node]) -> Vec<Link> {
    let mut spread: HashMap<u32, Vec<(u32, f32)>> = HashMap::new();
    for (at, node) in (0_u32..).zip(nodes) {
        for &(entity, weight) in &node.mentions {
            spread.entry(entity).or_default().push((at, weight));
        }
    }
    spread.retain(|_, chunks| (2..=MAX_ENTITY_SPREAD).contains(&chunks.len()));
    let total = nodes.len() as f64;
    // The usual inverse document frequency: ln(N / n).
    let rarity = |chunks: &[(u32, f32)]| (1.0 + total / chunks.len() as f64).ln();
    let norms: Vec<f64> = nodes
        .iter()
        .map(|node| {
            let squares = node.mentions.iter().map(|(entity, weight)| {
                let rare = spread.get(entity).map_or(0.0, |c| rarity(c));
                (f64::from(*weight) * rare).powi(2)
            });
            squares.sum::<f64>().sqrt()
        })
        .collect();

    let mut pairs: HashMap<(u32, u32), f64> = HashMap::new();
    let mut likeness = vec![0.0_f64; nodes.len()];
    let mut touched: Vec<u32> = Vec::new();
    for (at, node) in (0_u32..).zip(nodes) {
        for (entity, weight) in &node.mentions {
            let Some(chunks) = spread.get(entity) else {
                continue;
            };
            let rare = rarity(chunks);
            for &(other, other_weight) in chunks {
                if other == at {
                    continue;
                }
                let sum = &mut likeness[other as usize];
                if *sum == 0.0 {
                    touched.push(other);
                }
                *sum += f64::from(*weight) * f64::from(other_weight) * rare * rare;
            }
        }
        let mut near: Vec<(u32, f64)> = touched
            .drain(..)
            .map(|other| {
                let dot = std::mem::take(&mut likeness[other as usize]);
                let norm = norms[at as usize] * norms[other as usize];
                (other, if norm > 0.0 { dot / norm } else { 0.0 })
            })
            .filter(|&(_, cosine)| cosine > 0.0)
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for &(other, cosine) in near.iter().take(LINKS_PER_CHUNK) {
            pairs.insert((at.min(other), at.max(other)), cosine);
        }
    }
    for (at, node) in (0_u32..).zip(nodes) {
        for (distance, weight) in [(1, NEIGHBOUR), (2, NEAR)] {
            let same = nodes
                .get(at as usize + distance as usize)
                .is_some_and(|other| other.document == node.document);
            if same {
                *pairs.entry((at, at + distance)).or_default() += weight;
            }
        }
    }
    let mut links: Vec<Link> = pairs
        .into_iter()
        .map(|((a, b), weight)| Link { a, b, weight })
        .collect();
    links.sort_by_key(|link| (link.a, link.b));
    links
}

/// Cluster number of each node; numbers follow the first node of each cluster. Every node has one.
pub(crate) fn clusters(count: usize, links: &[Link]) -> Vec<usize> {
    let cap = size_cap(count);
    let all: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
    let mut open = vec![(all, RESOLUTION, 0)];
    let mut done: Vec<Vec<u32>> = Vec::new();
    while let Some((members, resolution, round)) = open.pop() {
        if members.len() <= cap && round > 0 {
            done.push(members);
            continue;
        }
        if round == MAX_ROUNDS {
            done.extend(members.chunks(cap).map(<[u32]>::to_vec));
            continue;
        }
        for part in communities(&members, links, resolution) {
            open.push((part, resolution * 2.0, round + 1));
        }
    }
    number(count, &join_crumbs(done, links, cap))
}

/// One run of Leiden on the members' own links.
fn communities(members: &[u32], links: &[Link], resolution: f64) -> Vec<Vec<u32>> {
    let local: HashMap<u32, usize> = members.iter().enumerate().map(|(i, &m)| (m, i)).collect();
    let mut builder = GraphDataBuilder::new(members.len());
    for link in links {
        if let (Some(&a), Some(&b)) = (local.get(&link.a), local.get(&link.b)) {
            // Weights are finite and the ends known, so that the builder has nothing to refuse.
            let _ = builder.add_edge(a, b, link.weight);
        }
    }
    let config = LeidenConfig::builder()
        .seed(SEED)
        .resolution(resolution)
        .max_iterations(MAX_ITERATIONS)
        .build();
    let outcome = builder
        .build()
        .and_then(|graph| Leiden::new(config).run(&graph));
    let Ok(outcome) = outcome else {
        return vec![members.to_vec()];
    };
    let mut parts: Vec<Vec<u32>> = vec![Vec::new(); members.len().max(1)];
    for (at, &member) in members.iter().enumerate() {
        let community = outcome.partition.community_of(at);
        match parts.get_mut(community) {
            Some(part) => part.push(member),
            None => return vec![members.to_vec()],
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Clusters of one or two chunks go to the neighbour they are linked to most, where it has room.
fn join_crumbs(mut clusters: Vec<Vec<u32>>, links: &[Link], cap: usize) -> Vec<Vec<u32>> {
    const CRUMB: usize = 2;
    clusters.sort_by_key(|members| members.first().copied());
    let mut home: HashMap<u32, usize> = HashMap::new();
    for (at, members) in clusters.iter().enumerate() {
        home.extend(members.iter().map(|&m| (m, at)));
    }
    let crumbs: Vec<usize> = (0..clusters.len())
        .filter(|&at| clusters[at].len() <= CRUMB)
        .collect();
    let mut around: HashMap<u32, Vec<(u32, f64)>> = HashMap::new();
    for link in links {
        for (from, to) in [(link.a, link.b), (link.b, link.a)] {
            if home
                .get(&from)
                .is_some_and(|&at| clusters[at].len() <= CRUMB)
            {
                around.entry(from).or_default().push((to, link.weight));
            }
        }
    }
    for at in crumbs {
        // An earlier crumb may have joined this one.
        if clusters[at].len() > CRUMB {
            continue;
        }
        let mut pull: Vec<(usize, f64)> = Vec::new();
        for &(to, weight) in clusters[at].iter().filter_map(|m| around.get(m)).flatten() {
            let target = home[&to];
            if target == at || clusters[target].len() + clusters[at].len() > cap {
                continue;
            }
            match pull.iter_mut().find(|(other, _)| *other == target) {
                Some((_, sum)) => *sum += weight,
                None => pull.push((target, weight)),
            }
        }
        let best = pull
            .into_iter()
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((target, _)) = best {
            let members = std::mem::take(&mut clusters[at]);
            home.extend(members.iter().map(|&m| (m, target)));
            clusters[target].extend(members);
        }
    }
    clusters
}

fn number(count: usize, clusters: &[Vec<u32>]) -> Vec<usize> {
    let mut of = vec![usize::MAX; count];
    for (at, members) in clusters.iter().enumerate() {
        for &member in members {
            of[member as usize] = at;
        }
    }
    let mut names: HashMap<usize, usize> = HashMap::new();
    of.into_iter()
        .map(|at| {
            let next = names.len();
            *names.entry(at).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(document: i64, entities: &[u32]) -> Node {
        Node {
            document,
            mentions: entities.iter().map(|&e| (e, 1.0)).collect(),
        }
    }

    #[test]
    fn chunks_that_share_rare_entities_come_together() {
        // Two subjects, each spread over three documents, and one word that all share.
        let nodes: Vec<Node> = (0..12)
            .map(|n| {
                let subject = if n % 2 == 0 { 10 } else { 20 };
                node(i64::from(n), &[subject, subject + 1, subject + 2, 1])
            })
            .collect();
        let of = clusters(nodes.len(), &links(&nodes));
        assert!(of.iter().step_by(2).all(|&c| c == of[0]));
        assert!(of.iter().skip(1).step_by(2).all(|&c| c == of[1]));
        assert_ne!(of[0], of[1]);
    }

    #[test]
    fn one_chunk_and_none_have_their_clusters() {
        assert_eq!(clusters(0, &[]), Vec::<usize>::new());
        assert_eq!(clusters(1, &[]), vec![0]);
        assert_eq!(clusters(3, &[]), vec![0, 1, 2]);
    }

    #[test]
    fn neighbours_in_a_document_come_together_without_a_common_word() {
        let nodes: Vec<Node> = (0..8).map(|n| node(n / 4, &[])).collect();
        let of = clusters(nodes.len(), &links(&nodes));
        assert_eq!(of, [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn no_cluster_is_a_book() {
        assert_eq!([1, 50, 100, 300, 9_000].map(size_cap), [8, 8, 10, 30, 48]);
    }

    #[test]
    fn a_clique_larger_than_the_cap_is_cut() {
        let nodes: Vec<Node> = (0..100).map(|_| node(1, &[1, 2, 3])).collect();
        let of = clusters(nodes.len(), &links(&nodes));
        let mut sizes = HashMap::new();
        for c in of {
            *sizes.entry(c).or_insert(0_usize) += 1;
        }
        // A tenth of a hundred.
        assert!(sizes.values().all(|&size| size <= 10), "{sizes:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_chunk_has_one_cluster_within_the_cap_and_the_same_again(
            shape in proptest::collection::vec((0_i64..6, proptest::collection::vec(0_u32..30, 0..6)), 0..80)
        ) {
            let mut nodes: Vec<Node> = shape.iter().map(|(document, entities)| {
                let mut entities = entities.clone();
                entities.sort_unstable();
                entities.dedup();
                node(*document, &entities)
            }).collect();
            nodes.sort_by_key(|n| n.document);
            let found = links(&nodes);
            let of = clusters(nodes.len(), &found);
            prop_assert_eq!(of.len(), nodes.len());
            prop_assert_eq!(&of, &clusters(nodes.len(), &links(&nodes)));
            let mut sizes = HashMap::new();
            for c in of { *sizes.entry(c).or_insert(0_usize) += 1; }
            prop_assert!(sizes.values().all(|&size| size <= size_cap(nodes.len())));
        }
    }
}
