//! Whom the Guardian may ask beside the winner. Pure.

use std::collections::HashSet;

use crate::dream::Origin;
use crate::guardian::Peer;
use crate::guardian::syntax::fingerprint;

use super::draft::Draft;
use super::settle::Tried;

/// Who else can be asked: the other solutions that pass the kept checks and are no copies, and the real thing.
pub(super) fn peers_of(
    draft: &Draft,
    winner: usize,
    wrong: &[usize],
    tried: &[Tried],
) -> Vec<Peer> {
    let entry_point = &draft.candidate.scenario.entry_point;
    let mut known = HashSet::from([fingerprint(&tried[winner].code, entry_point)]);
    let related =
        |s: usize| tried[s].mended_from == Some(winner) || tried[winner].mended_from == Some(s);
    let others = (0..tried.len()).filter(|s| *s != winner && !wrong.contains(s) && !related(*s));
    let others = others.filter(|s| known.insert(fingerprint(&tried[*s].code, entry_point)));
    let others = others.map(|s| Peer {
        code: tried[s].code.clone(),
        origin: Origin::Model,
    });
    oracle_of(draft).into_iter().chain(others).collect()
}

/// What answers for the task though no model wrote it.
pub(super) fn oracle_of(draft: &Draft) -> Option<Peer> {
    Some(Peer {
        code: draft.oracle.clone()?,
        origin: Origin::Reference,
    })
}
