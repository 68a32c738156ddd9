//! What a session, or one of its scenarios, has done so far, and the report that it becomes. Counts only; decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::progress::Phase;
use crate::clock::Instant;
use crate::dream::{
    Funnel, GateOutcome, GateReport, Generator, PlantRate, Reason, SessionReport, SessionStatus,
    Spent, Tier, Tokens, WakeReason,
};
use crate::ids::SessionId;

/// The running count of a session, or of one scenario until the session's takes it in.
#[derive(Debug)]
pub struct Tally {
    report: SessionReport,
    /// The phase that runs, since when, and what had been spent by then.
    running: Option<(Phase, Instant, Tokens)>,
}

impl Tally {
    pub fn begin(session: SessionId) -> Self {
        Self {
            report: SessionReport::empty(session, SessionStatus::Completed),
            running: None,
        }
    }

    /// The scenario in hand enters a phase, or ends with `None`: what was spent since the last one is that one's.
    pub fn enter(&mut self, phase: Option<Phase>, now: Instant) {
        let next = phase.map(|phase| (phase, now, self.tokens()));
        if let Some((last, since, before)) = std::mem::replace(&mut self.running, next) {
            let tokens = self.tokens_since(before);
            let spent = &mut self.report.measured.spent;
            let spent = spent.entry(last.as_str().to_owned()).or_default();
            spent.seconds += (now - since).as_secs_f64();
            spent.tokens.add(tokens);
        }
    }

    /// The counts so far, as those of a session that was cut off: what stays if the process dies now.
    pub fn so_far(&self) -> SessionReport {
        SessionReport {
            status: SessionStatus::Interrupted,
            ..self.report.clone()
        }
    }

    /// Adds what one scenario counted for itself.
    pub fn absorb(&mut self, scenario: Self) {
        let SessionReport {
            session_id: _,
            status: _,
            duration_seconds: _,
            dreams_attempted,
            dreams_successful,
            success_rate: _,
            wake_reason: _,
            tiers,
            rejections,
            tokens,
            generator,
            measured,
            requeued,
            model: _,
            hints,
        } = scenario.report;
        let report = &mut self.report;
        report.dreams_attempted += dreams_attempted;
        report.dreams_successful += dreams_successful;
        add(&mut report.tiers, tiers);
        add(&mut report.rejections, rejections);
        report.tokens.add(tokens);
        add(&mut report.generator, generator);
        report.measured.add(*measured);
        report.requeued += requeued;
        for hint in hints {
            self.hint(hint);
        }
    }

    pub fn session(&self) -> &SessionId {
        &self.report.session_id
    }

    pub fn model(&mut self, name: String) {
        self.report.model = Some(name);
    }

    /// A sentence that a person should read at the end; the same sentence is kept once.
    pub fn hint(&mut self, text: String) {
        if !self.report.hints.contains(&text) {
            self.report.hints.push(text);
        }
    }

    pub fn spent(&mut self, tokens: Tokens) {
        self.report.tokens.add(tokens);
    }

    pub fn tokens(&self) -> Tokens {
        self.report.tokens
    }

    /// What the models were `asked` for in all: what no stage counted was of no use (a refused list, an answer without code,
    /// a request that was cut short) or an opinion.
    pub fn asked(&mut self, asked: Tokens) {
        let counted = self.report.tokens;
        let unused = Tokens {
            prompt: asked.prompt.saturating_sub(counted.prompt),
            completion: asked.completion.saturating_sub(counted.completion),
        };
        if unused != Tokens::default() {
            self.report.tokens.add(unused);
            let spent = &mut self.report.measured.spent;
            spent
                .entry(Spent::UNUSED.to_owned())
                .or_default()
                .tokens
                .add(unused);
        }
    }

    /// What was spent after `before` was taken.
    pub fn tokens_since(&self, before: Tokens) -> Tokens {
        let now = self.report.tokens;
        Tokens {
            prompt: now.prompt - before.prompt,
            completion: now.completion - before.completion,
        }
    }

    /// A scenario was begun; the count of those begun.
    pub fn tried(&mut self) -> u64 {
        self.report.measured.funnel.tried += 1;
        self.report.measured.funnel.tried
    }

    pub fn woven(&mut self) {
        self.report.measured.funnel.woven += 1;
    }

    pub fn parsed(&mut self) {
        self.report.measured.funnel.parsed += 1;
    }

    pub fn ran(&mut self) {
        self.report.measured.funnel.ran += 1;
    }

    pub fn settled(&mut self) {
        self.report.measured.funnel.settled += 1;
    }

    /// The Guardian said yes and the dream stands on the shelf.
    pub fn saved(&mut self, tier: Tier, generator: Generator) {
        self.verified(tier);
        let report = &mut self.report;
        report.dreams_successful += 1;
        report.measured.funnel.kept += 1;
        *report
            .generator
            .entry(generator.as_str().to_owned())
            .or_default() += 1;
    }

    /// The Guardian said yes, but strict mode keeps only gold.
    pub fn not_kept(&mut self, tier: Tier) {
        self.verified(tier);
        *self
            .report
            .rejections
            .entry("below_gold".to_owned())
            .or_default() += 1;
    }

    fn verified(&mut self, tier: Tier) {
        let report = &mut self.report;
        report.dreams_attempted += 1;
        *report.tiers.entry(tier.as_str().to_owned()).or_default() += 1;
    }

    /// No task came of a plan: that is no attempt, but a person wants to know.
    pub fn not_woven(&mut self) {
        *self
            .report
            .rejections
            .entry("not_woven".to_owned())
            .or_default() += 1;
    }

    /// A verdict of "no", counted under its first reason.
    pub fn rejected(&mut self, reasons: &[Reason]) {
        self.report.dreams_attempted += 1;
        let reason = reasons
            .first()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string);
        *self.report.rejections.entry(reason).or_default() += 1;
    }

    /// What the gates made of a candidate, and how long they took.
    pub fn gates(&mut self, reports: &[GateReport]) {
        for report in reports {
            let count = self
                .report
                .measured
                .gates
                .entry(report.gate.clone())
                .or_default();
            match report.outcome {
                GateOutcome::Pass => count.passed += 1,
                GateOutcome::Fail => count.failed += 1,
                GateOutcome::Skipped => {}
            }
            let behind = stage_behind(&mut self.report.measured.funnel, &report.gate);
            let moved = match report.outcome {
                GateOutcome::Pass => true,
                GateOutcome::Fail => false,
                // Nobody was there to agree.
                GateOutcome::Skipped => report.gate != "agreement",
            };
            if let Some(stage) = behind.filter(|_| moved) {
                *stage += 1;
            }
            count.seconds += report.ms as f64 / 1000.0;
        }
    }

    /// How planted bad candidates of a class fared.
    pub fn plants(&mut self, class: &str, rate: PlantRate) {
        self.report.measured.plants.insert(class.to_owned(), rate);
    }

    /// Interrupted or undecided: will be tried again, counts as nothing.
    pub fn requeued(&mut self) {
        self.report.requeued += 1;
    }

    /// The report so far, as of `elapsed` since the start.
    pub fn close(
        mut self,
        status: SessionStatus,
        wake: Option<WakeReason>,
        elapsed: Duration,
    ) -> SessionReport {
        self.report.status = status;
        self.report.wake_reason = wake;
        self.report.duration_seconds = elapsed.as_millis() as f64 / 1000.0;
        self.report.rate();
        self.report
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, count) in more {
        *counts.entry(name).or_default() += count;
    }
}

/// The stage that a candidate has reached once it is through a gate.
fn stage_behind<'f>(funnel: &'f mut Funnel, gate: &str) -> Option<&'f mut u64> {
    match gate {
        "hidden_checks" => Some(&mut funnel.passed),
        "steady" => Some(&mut funnel.steady),
        "agreement" => Some(&mut funnel.agreed),
        "adequate" => Some(&mut funnel.adequate),
        "new" => Some(&mut funnel.new),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn what_a_phase_spends_is_counted_as_its_own() {
        let mut tally = Tally::begin(SessionId::new());
        let tokens = |prompt| Tokens {
            prompt,
            completion: 1,
        };
        let start = clock::monotonic();
        let after = |seconds| start + Duration::from_secs(seconds);
        tally.enter(Some(Phase::Weaving), start);
        tally.spent(tokens(10));
        tally.enter(Some(Phase::Coding), after(3));
        tally.spent(tokens(20));
        tally.enter(Some(Phase::Weaving), after(5));
        tally.enter(None, after(6));
        tally.spent(tokens(40));
        let report = tally.close(SessionStatus::Completed, None, Duration::ZERO);
        let spent = |phase: &str| report.measured.spent[phase];
        assert!((spent("weaving").seconds - 4.0).abs() < 1e-9);
        assert!((spent("coding").seconds - 2.0).abs() < 1e-9);
        assert_eq!(spent("weaving").tokens, tokens(10));
        assert_eq!(spent("coding").tokens, tokens(20));
    }

    #[test]
    fn a_gate_that_did_not_fail_moves_its_candidate_on() {
        let gate = |gate: &str, outcome| GateReport {
            gate: gate.to_owned(),
            outcome,
            detail: String::new(),
            ms: 1,
        };
        let funnel = |agreement| {
            let mut tally = Tally::begin(SessionId::new());
            tally.gates(&[
                gate("form", GateOutcome::Pass),
                gate("hidden_checks", GateOutcome::Pass),
                gate("steady", GateOutcome::Pass),
                gate("agreement", agreement),
                gate("adequate", GateOutcome::Pass),
                gate("new", GateOutcome::Skipped),
                gate("opinion", GateOutcome::Fail),
            ]);
            let report = tally.close(SessionStatus::Completed, None, Duration::ZERO);
            report.measured.funnel
        };
        let reached = |agreement| {
            let funnel = funnel(agreement);
            let before = (funnel.passed, funnel.steady, funnel.agreed);
            (before, funnel.adequate, funnel.new)
        };
        assert_eq!(reached(GateOutcome::Pass), ((1, 1, 1), 1, 1));
        // Nobody was asked, so nobody agreed; the candidate goes on all the same.
        assert_eq!(reached(GateOutcome::Skipped), ((1, 1, 0), 1, 1));
        assert_eq!(reached(GateOutcome::Fail), ((1, 1, 0), 1, 1));
    }

    #[test]
    fn a_session_adds_up_what_its_scenarios_counted() {
        let one = |tier| {
            let mut tally = Tally::begin(SessionId::new());
            tally.woven();
            tally.spent(Tokens {
                prompt: 2,
                completion: 1,
            });
            tally.rejected(&[Reason::Flaky]);
            tally.saved(tier, Generator::Source);
            tally.hint("once".to_owned());
            tally
        };
        let mut session = Tally::begin(SessionId::new());
        session.tried();
        session.absorb(one(Tier::Gold));
        session.absorb(one(Tier::Silver));
        let report = session.close(SessionStatus::Completed, None, Duration::ZERO);
        assert_eq!((report.dreams_attempted, report.dreams_successful), (4, 2));
        assert_eq!(report.rejections, BTreeMap::from([("flaky".to_owned(), 2)]));
        let tiers = ["gold", "silver"].map(|tier| (tier.to_owned(), 1));
        assert_eq!(report.tiers, BTreeMap::from(tiers));
        assert_eq!((report.tokens.prompt, report.tokens.completion), (4, 2));
        let funnel = report.measured.funnel;
        assert_eq!((funnel.tried, funnel.woven, funnel.kept), (1, 2, 2));
        assert_eq!(report.hints, ["once"]);
    }

    #[test]
    fn requeued_scenarios_are_not_attempts() {
        let mut tally = Tally::begin(SessionId::new());
        tally.tried();
        tally.requeued();
        tally.tried();
        tally.saved(Tier::Gold, Generator::Source);
        tally.tried();
        tally.rejected(&[Reason::Flaky, Reason::TooFewChecks]);
        let report = tally.close(SessionStatus::Completed, None, Duration::from_millis(1500));
        assert_eq!(
            (
                report.dreams_attempted,
                report.dreams_successful,
                report.requeued
            ),
            (2, 1, 1)
        );
        assert!((report.success_rate - 0.5).abs() < 1e-12);
        assert_eq!(report.rejections.get("flaky"), Some(&1));
        assert!((report.duration_seconds - 1.5).abs() < 1e-12);
    }
}
