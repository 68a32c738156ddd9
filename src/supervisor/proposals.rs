//! What could be done next, and what is chosen (seed 004's proposals). Pure; called by the event loop for every look
//! while nothing runs.

use serde::{Deserialize, Serialize};

use super::chores::{Chore, Due};
use crate::energy::gate::Leave;

/// Proposals below this are dropped (QIKI's own floor).
pub const CONFIDENCE_FLOOR: f64 = 0.6;

/// What could be done. Earlier kinds go before later ones, whatever their confidence: safety first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The machine is somebody else's just now.
    StayAwake,
    Dream,
    /// Go over what was learned.
    Replay,
    /// Give the database's room back.
    Compact,
    Nothing,
}

impl Kind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StayAwake => "stay awake",
            Self::Dream => "dream",
            Self::Replay => Chore::Replay.as_str(),
            Self::Compact => Chore::Compact.as_str(),
            Self::Nothing => "nothing",
        }
    }

    #[must_use]
    pub const fn chore(self) -> Option<Chore> {
        match self {
            Self::Replay => Some(Chore::Replay),
            Self::Compact => Some(Chore::Compact),
            Self::StayAwake | Self::Dream | Self::Nothing => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    pub kind: Kind,
    /// 0 to 1.
    pub confidence: f64,
}

/// What one look has to say.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// May the service dream by itself?
    pub service: Leave,
    /// May anything be done for which only nobody must be there?
    pub when_away: Leave,
    pub is_system_busy: bool,
    /// Nobody knows whether somebody is there.
    pub blind: bool,
    pub due: Due,
}

/// What a look is worth that does not know whether somebody is there: a dream in its window stays above the floor, what can
/// wait falls below.
const BLIND: f64 = 0.7;

/// Everything that speaks for itself at this look.
#[must_use]
pub fn gather(looked: &Looked) -> Vec<Proposal> {
    let sight = if looked.blind { BLIND } else { 1.0 };
    let mut all = vec![Proposal {
        kind: Kind::Nothing,
        confidence: CONFIDENCE_FLOOR,
    }];
    if looked.is_system_busy {
        all.push(Proposal {
            kind: Kind::StayAwake,
            confidence: 1.0,
        });
    }
    if let Leave::May(_) = looked.service {
        all.push(Proposal {
            kind: Kind::Dream,
            confidence: 0.9 * sight,
        });
    }
    if let Leave::May(_) = looked.when_away {
        let due = [
            (looked.due.replay, Kind::Replay, 0.8),
            (looked.due.compact, Kind::Compact, 0.7),
        ];
        let due = due.into_iter().filter(|(due, ..)| *due);
        all.extend(due.map(|(_, kind, sure)| Proposal {
            kind,
            confidence: sure * sight,
        }));
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

    fn looked(service: Leave) -> Looked {
        Looked {
            service,
            when_away: service,
            is_system_busy: false,
            blind: false,
            due: Due::default(),
        }
    }

    #[test]
    fn safety_goes_first_and_a_dream_before_nothing() {
        let may = looked(Leave::May(Trigger::Night));
        assert_eq!(choose(&gather(&may)), Kind::Dream);
        let blind = Looked { blind: true, ..may };
        assert_eq!(choose(&gather(&blind)), Kind::Dream);
        let busy = Looked {
            is_system_busy: true,
            ..may
        };
        assert_eq!(choose(&gather(&busy)), Kind::StayAwake);
        let closed = looked(Leave::Closed(GateKind::Presence));
        assert_eq!(choose(&gather(&closed)), Kind::Nothing);
    }

    #[test]
    fn chores_wait_for_dreams_for_calm_and_for_an_absence_that_is_known() {
        let both = Due {
            replay: true,
            compact: true,
        };
        let away = Looked {
            service: Leave::Closed(GateKind::Window),
            when_away: Leave::May(Trigger::WhenAway),
            due: both,
            ..looked(Leave::May(Trigger::Night))
        };
        assert_eq!(choose(&gather(&away)), Kind::Replay);
        let replayed = Looked {
            due: Due {
                replay: false,
                compact: true,
            },
            ..away
        };
        assert_eq!(choose(&gather(&replayed)), Kind::Compact);
        let night = Looked {
            service: Leave::May(Trigger::Night),
            ..away
        };
        assert_eq!(choose(&gather(&night)), Kind::Dream);
        let busy = Looked {
            is_system_busy: true,
            ..away
        };
        assert_eq!(choose(&gather(&busy)), Kind::StayAwake);
        let blind = Looked {
            blind: true,
            ..away
        };
        let unsure = gather(&blind);
        assert!(unsure.iter().any(|of| of.kind == Kind::Replay));
        assert_eq!(choose(&unsure), Kind::Nothing);
        let there = Looked {
            when_away: Leave::Closed(GateKind::Presence),
            ..away
        };
        assert_eq!(choose(&gather(&there)), Kind::Nothing);
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
