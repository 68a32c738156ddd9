//! What could be done next, and what is chosen (seed 004's proposals). Pure; called by the event loop for every look
//! while nothing runs.

use crate::energy::gate::Leave;

/// Proposals below this are dropped (QIKI's own floor).
pub const CONFIDENCE_FLOOR: f64 = 0.6;

/// What could be done. Earlier kinds go before later ones, whatever their confidence: safety first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The machine is somebody else's just now.
    StayAwake,
    Dream,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    pub kind: Kind,
    /// 0 to 1.
    pub confidence: f64,
}

/// Everything that speaks for itself at this look.
#[must_use]
pub fn gather(leave: Leave, is_system_busy: bool, blind: bool) -> Vec<Proposal> {
    let mut all = vec![Proposal {
        kind: Kind::Nothing,
        confidence: CONFIDENCE_FLOOR,
    }];
    if is_system_busy {
        all.push(Proposal {
            kind: Kind::StayAwake,
            confidence: 1.0,
        });
    }
    if let Leave::May(_) = leave {
        // By night it goes on without knowing whether somebody is there: a little less sure, still sure enough.
        let confidence = if blind { 0.7 } else { 0.9 };
        all.push(Proposal {
            kind: Kind::Dream,
            confidence,
        });
    }
    all
}

/// The safest of those that are sure enough; of one kind the surest.
#[must_use]
pub fn choose(proposals: &[Proposal]) -> Kind {
    let sure = proposals
        .iter()
        .filter(|proposal| proposal.confidence >= CONFIDENCE_FLOOR);
    let best = sure.min_by(|a, b| {
        let confidence = b.confidence.total_cmp(&a.confidence);
        a.kind.cmp(&b.kind).then(confidence)
    });
    best.map_or(Kind::Nothing, |proposal| proposal.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::Trigger;
    use crate::energy::gate::GateKind;

    #[test]
    fn safety_goes_first_and_a_dream_before_nothing() {
        let may = Leave::May(Trigger::Night);
        assert_eq!(choose(&gather(may, false, false)), Kind::Dream);
        assert_eq!(choose(&gather(may, false, true)), Kind::Dream);
        assert_eq!(choose(&gather(may, true, false)), Kind::StayAwake);
        let closed = Leave::Closed(GateKind::Presence);
        assert_eq!(choose(&gather(closed, false, false)), Kind::Nothing);
    }

    #[test]
    fn what_is_not_sure_enough_is_dropped() {
        let dream = |confidence| Proposal {
            kind: Kind::Dream,
            confidence,
        };
        assert_eq!(choose(&[dream(0.59)]), Kind::Nothing);
        assert_eq!(choose(&[dream(0.6)]), Kind::Dream);
        assert_eq!(choose(&[dream(f64::NAN)]), Kind::Nothing);
    }
}
