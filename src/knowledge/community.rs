//! From the stored graph to stored clusters, whenever documents changed. Called by `Knowledge`.

use std::collections::HashMap;

use super::KnowledgeError;
use super::graph::{self, Link, Node};
use crate::store::{GraphRows, NewCluster, Store};

/// Another process may ingest while this one computes; its change wins and the clusters are made again.
const MAX_TRIES: usize = 3;
/// Concepts named per cluster: enough for a complex task, which joins four and more.
const MAX_CONCEPTS: usize = 12;
/// Concepts in a label.
const LABEL_CONCEPTS: usize = 3;

/// Makes the clusters anew where documents changed since.
pub(crate) fn refresh(store: &Store) -> Result<(), KnowledgeError> {
    for _ in 0..MAX_TRIES {
        if !store.clusters_are_stale()? {
            return Ok(());
        }
        let rows = store.graph_rows()?;
        let nodes: Vec<Node> = rows
            .chunks
            .iter()
            .map(|chunk| Node {
                document: chunk.document,
                mentions: chunk.mentions.clone(),
            })
            .collect();
        let links = graph::links(&nodes);
        let of = graph::clusters(nodes.len(), &links);
        let clusters = describe(&rows, &links, &of);
        let rows_of = |at: u32| rows.chunks[at as usize].id;
        let links: Vec<(i64, i64, f64)> = links
            .iter()
            .map(|link| (rows_of(link.a), rows_of(link.b), link.weight))
            .collect();
        if store.replace_clusters(rows.changed, &links, &clusters)? {
            return Ok(());
        }
    }
    // The other process is still at it and will cluster when it is done.
    Ok(())
}

/// Names each cluster by what its chunks mention more than the others do; largest degree first.
fn describe(rows: &GraphRows, links: &[Link], of: &[usize]) -> Vec<NewCluster> {
    let count = of.iter().max().map_or(0, |&last| last + 1);
    let mut degree = vec![0_u64; count];
    let mut members: Vec<Vec<i64>> = vec![Vec::new(); count];
    let mut strength: Vec<HashMap<u32, f64>> = vec![HashMap::new(); count];
    let mut spread: HashMap<u32, f64> = HashMap::new();
    for link in links {
        degree[of[link.a as usize]] += 1;
        degree[of[link.b as usize]] += 1;
    }
    for (chunk, &cluster) in rows.chunks.iter().zip(of) {
        members[cluster].push(chunk.id);
        degree[cluster] += chunk.mentions.len() as u64;
        for &(entity, weight) in &chunk.mentions {
            *strength[cluster].entry(entity).or_default() += f64::from(weight);
            *spread.entry(entity).or_default() += f64::from(weight);
        }
    }
    let mut clusters: Vec<NewCluster> = (0..count)
        .map(|at| {
            let mut concepts: Vec<(&str, f64)> = strength[at]
                .iter()
                .map(|(entity, &inside)| {
                    // How much of all its mentions fall into this cluster.
                    let share = inside / spread[entity];
                    (rows.entities[entity].as_str(), inside * share)
                })
                .collect();
            concepts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let concepts = distinct(concepts.into_iter().map(|(name, _)| name));
            NewCluster {
                label: concepts[..concepts.len().min(LABEL_CONCEPTS)].join(", "),
                concepts,
                degree: degree[at],
                chunks: std::mem::take(&mut members[at]),
            }
        })
        .collect();
    // Stable: clusters of equal degree keep the order of their text.
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.degree));
    clusters
}

/// The first names that say something new: `heap queue` after `heap` and `queue` does not.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let words: Vec<&str> = name.split(' ').collect();
        let said = kept.iter().any(|other| {
            other.eq_ignore_ascii_case(name)
                || other.split(' ').any(|word| words.as_slice() == [word])
        }) || (words.len() > 1
            && words
                .iter()
                .all(|word| kept.iter().any(|other| other == word)));
        if !said {
            kept.push(name.to_owned());
        }
        if kept.len() == MAX_CONCEPTS {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concepts_do_not_repeat_each_other() {
        let got =
            distinct(["heap", "Heap", "queue", "heap queue", "binary tree", "tree"].into_iter());
        assert_eq!(got, ["heap", "queue", "binary tree"]);
    }
}
