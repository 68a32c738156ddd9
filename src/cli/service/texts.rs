//! What `status`, `why` and `pause` say to people, as text. Called by `cli/service.rs` alone.

use std::time::Duration;

use crate::cli::text::clean_line;
use crate::clock;
use crate::energy::EnergyStatus;
use crate::energy::gate::{Pause, span};
use crate::supervisor::{Safe, StateWord, Status, Why};

pub(super) fn pause_text(pause: Option<Pause>) -> Option<String> {
    Some(match pause? {
        Pause { until: None } => "paused until `dreamer resume`".to_owned(),
        Pause { until: Some(until) } => {
            let here = until.to_zoned(clock::local().time_zone().clone());
            format!("paused until {}", here.strftime("%Y-%m-%d %H:%M"))
        }
    })
}

pub(super) fn why_text(why: &Why) -> String {
    let width = |column: fn(&crate::energy::gate::Gate) -> &str| {
        let widths = why.gates.iter().map(|gate| column(gate).chars().count());
        widths.max().unwrap_or(0)
    };
    let (reading, threshold) = (width(|gate| &gate.reading), width(|gate| &gate.threshold));
    let mut lines = vec![format!(
        "{} ({})",
        clean_line(&why.because),
        why.supervisor.as_str()
    )];
    for gate in &why.gates {
        let answer = if gate.open { "open" } else { "closed" };
        lines.push(format!(
            "  {answer:6}  {:8}  {:reading$}  {:threshold$}  {}",
            gate.gate.as_str(),
            gate.reading,
            gate.threshold,
            gate.reason
        ));
    }
    lines.join("\n")
}

pub(super) fn status_text(status: &Status) -> String {
    let word = match status.state {
        StateWord::Idle => "idle",
        StateWord::Dreaming => "dreaming",
        StateWord::Validating => "dreaming, proving a solution",
        StateWord::Saving => "dreaming, saving a dream",
        StateWord::Interrupted => "waking",
    };
    let service = if status.service {
        format!("{word} ({})", status.supervisor.as_str())
    } else {
        "no service runs for this data folder (another one: DREAMING_DATA_DIR)".to_owned()
    };
    let mut lines = vec![format!("state    {service}")];
    if let Some(session) = &status.current_session_id {
        lines.push(format!("session  {session}"));
    }
    if let Some(session) = &status.waiting {
        lines.push(format!(
            "waiting  session {session} begins when you are away"
        ));
    }
    lines.extend(status.safe.as_ref().map(|safe| {
        let Safe { reason, good, of } = safe;
        let reason = clean_line(reason);
        format!("safe     {reason}; {good} of {of} good checks in a row")
    }));
    lines.extend(status.troubles.iter().map(|trouble| {
        let told = format!("{}: {}", trouble.detail, trouble.fix);
        format!("trouble  {}", clean_line(&told))
    }));
    lines.extend(pause_text(status.paused).map(|text| format!("pause    {text}")));
    lines.push(format!(
        "dreams   {} saved of {} tried ({:.0} %), {} on the shelf",
        status.successful_dreams,
        status.total_dreams,
        status.success_rate * 100.0,
        status.saved_dreams_count
    ));
    lines.push(format!("output   {}", status.output_directory));
    lines.extend(status.energy.as_ref().map(energy_text));
    lines.extend(status.tick.map(|tick| {
        format!(
            "tick     senses {} ms, judged in {} ms, decided in {} ms: {}",
            tick.senses_ms,
            tick.judge_ms,
            tick.decide_ms,
            tick.chosen.as_str()
        )
    }));
    if let Some(report) = &status.last_report {
        let took = span(Duration::try_from_secs_f64(report.duration_seconds).unwrap_or_default());
        let woken = report.wake_reason.map_or_else(String::new, |reason| {
            format!(", woken by {}", reason.as_str())
        });
        lines.push(format!(
            "last     {} saved of {} in {took}{woken}",
            report.dreams_successful, report.dreams_attempted
        ));
        lines.extend(
            report
                .model
                .as_ref()
                .map(|model| format!("model    {}", clean_line(model))),
        );
        lines.extend(
            report
                .hints
                .iter()
                .map(|hint| format!("         {}", clean_line(hint))),
        );
    }
    lines.join("\n")
}

/// What the energy manager sees, in a line.
fn energy_text(energy: &EnergyStatus) -> String {
    let share =
        |known: Option<f64>| known.map_or("unknown".to_owned(), |now| format!("{now:.0} %"));
    let idle = energy
        .idle_time_seconds
        .map_or("not known".to_owned(), |seconds| {
            span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        });
    format!(
        "machine  {}, without input for {idle}, others use {} of the processors, memory {}",
        if energy.is_busy { "busy" } else { "calm" },
        share(energy.metrics.cpu_percent),
        share(energy.metrics.memory_percent),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::{Finding, SessionReport, SessionStatus};
    use crate::energy::gate::{Gate, GateKind};
    use crate::ids::SessionId;
    use crate::supervisor::{Counts, Snapshot, StateName};

    #[test]
    fn what_a_server_calls_its_model_is_no_order_to_a_terminal() {
        let mut report = SessionReport::empty(SessionId::new(), SessionStatus::Completed);
        report.model = Some("m\u{1b}[2J at http://x".to_owned());
        report.hints = vec!["said \u{1b}]52;c;x\u{7}\nsafe     all is well".to_owned()];
        let folder = String::new();
        let mut status = Status::new(&Snapshot::of_nobody(None), Counts::default(), folder, false);
        status.last_report = Some(report);
        let hostile = "it failed \u{1b}[2J\nsafe     all is well";
        status.troubles = vec![Finding::warn("experience_jsonl", hostile, "mend it")];
        let text = status_text(&status);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
        assert!(
            text.lines().all(|line| !line.starts_with("safe")),
            "{text:?}"
        );
        let troubles = text.lines().filter(|line| line.starts_with("trouble "));
        assert_eq!(troubles.count(), 1, "{text:?}");
    }

    #[test]
    fn why_lines_up_its_columns() {
        let gate = |gate, open, reading: &str, threshold: &str, reason: &str| Gate {
            gate,
            reading: reading.to_owned(),
            threshold: threshold.to_owned(),
            open,
            reason: reason.to_owned(),
        };
        let why = Why {
            state: StateWord::Idle,
            may_dream: false,
            gates: vec![
                gate(
                    GateKind::Enabled,
                    true,
                    "true",
                    "ENABLE_DREAMING=true",
                    "it may",
                ),
                gate(GateKind::Heat, false, "91 °C", "below 77 °C", "too hot"),
            ],
            supervisor: StateName::Awake,
            because: "heat: too hot".to_owned(),
        };
        insta::assert_snapshot!(why_text(&why), @r"
        heat: too hot (awake)
          open    enabled   true   ENABLE_DREAMING=true  it may
          closed  heat      91 °C  below 77 °C           too hot
        ");
    }
}
