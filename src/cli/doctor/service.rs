//! What the service says of itself, for `dreamer doctor`: it may see and reach less than the process that asks it, because
//! its user, its groups, its PATH and its folders are those of its unit.

use std::path::Path;

use crate::cli::client::Client;
use crate::clock;
use crate::dream::Finding;
use crate::energy::gate::GateKind;
use crate::supervisor::{StateName, Status, Why};

const CHECK: &str = "service";

/// Gates that a service judges unless something hides from it. Load is unknown for a moment whenever a model server is
/// found, and a machine without a sensor of heat is well.
const SENSES: [GateKind; 3] = [GateKind::Presence, GateKind::Memory, GateKind::Power];

/// Nothing where none runs for this data folder.
pub(super) async fn findings(data_dir: &Path) -> Vec<Finding> {
    match asked(data_dir).await {
        Ok(Some((status, why))) => judge(&status, &why),
        Ok(None) => Vec::new(),
        Err(error) => vec![Finding::warn(
            CHECK,
            format!("one runs and does not say how it is: {error:#}"),
            "see its log (`journalctl --user -u dreamer`, of a system unit without `--user`), then start it again",
        )],
    }
}

async fn asked(data_dir: &Path) -> anyhow::Result<Option<(Status, Why)>> {
    let Some(client) = Client::connect(data_dir).await? else {
        return Ok(None);
    };
    Ok(Some((client.status().await?, client.why().await?)))
}

fn judge(status: &Status, why: &Why) -> Vec<Finding> {
    let mut found = vec![state(status, why)];
    found.extend(senses(why));
    found.extend(status.troubles.iter().cloned());
    found
}

/// What it does; safe mode with the reason that it has.
fn state(status: &Status, why: &Why) -> Finding {
    let Some(safe) = &status.safe else {
        let doing = status.supervisor.as_str();
        return Finding::ok(CHECK, format!("{doing}: {}", why.because));
    };
    let last = status.transitions.last();
    let since = last.filter(|last| last.to == StateName::Safe).map(|last| {
        let here = last.at.to_zoned(clock::local().time_zone().clone());
        format!(" since {}", here.strftime("%Y-%m-%d %H:%M"))
    });
    Finding::fail(
        CHECK,
        format!(
            "safe mode{}: {}; {} of {} good checks in a row",
            since.unwrap_or_default(),
            safe.reason,
            safe.good,
            safe.of
        ),
        "mend what it names: where the lines above find the same well, the user, the groups, the PATH or the hardening of its \
         unit stand in its way (`systemctl --user cat dreamer`); SIGHUP (`systemctl --user reload dreamer`) has it try again at \
         once",
    )
}

/// What it cannot see.
fn senses(why: &Why) -> Option<Finding> {
    let gates = why.gates.iter().filter(|gate| SENSES.contains(&gate.gate));
    let unknown = gates.filter(|gate| gate.reading.starts_with("unknown"));
    let told: Vec<String> = unknown
        .map(|gate| format!("{}: {}", gate.gate.as_str(), gate.reason))
        .collect();
    (!told.is_empty()).then(|| {
        Finding::warn(
            "service_senses",
            told.join("; "),
            "let the service see it: where the lines above do, the user, the groups or the hardening of its unit stand in its \
             way (`systemctl --user cat dreamer`)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::Health;
    use crate::energy::gate::Gate;
    use crate::supervisor::{Counts, Safe, Snapshot, StateWord, Transition};

    fn status() -> Status {
        let nobody = Snapshot::of_nobody(None);
        Status::new(&nobody, Counts::default(), String::new(), true)
    }

    fn why(gates: &[(GateKind, &str, &str)]) -> Why {
        let gates = gates.iter().map(|(gate, reading, reason)| Gate {
            gate: *gate,
            reading: (*reading).to_owned(),
            threshold: String::new(),
            open: false,
            reason: (*reason).to_owned(),
        });
        Why {
            state: StateWord::Idle,
            may_dream: false,
            gates: gates.collect(),
            supervisor: StateName::Awake,
            because: "presence: you are here".to_owned(),
        }
    }

    #[test]
    fn a_service_that_is_well_is_one_line() {
        let seen = why(&[
            (GateKind::Presence, "last input 3 s ago", "you are here"),
            (GateKind::Heat, "unknown", "the rule is off"),
            (GateKind::Load, "unknown", "a server was just found"),
        ]);
        let found = judge(&status(), &seen);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].status, Health::Ok);
        assert_eq!(found[0].detail, "awake: presence: you are here");
    }

    #[test]
    fn safe_mode_is_told_with_its_reason_and_since_when() {
        let mut status = status();
        status.safe = Some(Safe {
            reason: "sandbox: bwrap is not in PATH".to_owned(),
            good: 1,
            of: 3,
        });
        status.transitions = vec![Transition {
            at: "2026-11-21T03:04:00Z".parse().expect("a time"),
            from: StateName::Starting,
            to: StateName::Safe,
            session: None,
            why: None,
        }];
        let found = judge(&status, &why(&[]));
        assert_eq!(found[0].status, Health::Fail);
        for part in ["since 2026-11-2", "bwrap is not in PATH; 1 of 3 good"] {
            assert!(found[0].detail.contains(part), "{found:?}");
        }
        assert!(found[0].fix.contains("unit"), "{found:?}");
    }

    #[test]
    fn what_does_not_work_beside_the_dreaming_is_told_with_what_mends_it() {
        let mut status = status();
        let trouble = Finding::warn("experience_http", "it does not answer", "start it");
        status.troubles = vec![trouble.clone()];
        let found = judge(&status, &why(&[]));
        assert_eq!(found[1..], [trouble]);
    }

    #[test]
    fn what_the_service_cannot_see_is_told_though_we_may_see_it() {
        let blind = (GateKind::Presence, "unknown", "no right to /dev/input");
        let found = judge(&status(), &why(&[blind]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1].status, Health::Warn);
        assert!(found[1].detail.contains("/dev/input"), "{found:?}");
    }
}
