//! What a session has done so far, and the report that it becomes. Counts only; decides nothing.

use std::time::Duration;

use crate::dream::{
    GateOutcome, GateReport, Generator, PlantRate, Reason, SessionReport, SessionStatus, Tier,
    Tokens, WakeReason,
};
use crate::ids::SessionId;

/// The running count of one session.
#[derive(Debug)]
pub struct Tally {
    report: SessionReport,
}

impl Tally {
    pub fn begin(session: SessionId) -> Self {
        Self {
            report: SessionReport::empty(session, SessionStatus::Completed),
        }
    }

    /// The counts so far, as those of a session that was cut off: what stays if the process dies now.
    pub fn so_far(&self) -> SessionReport {
        SessionReport {
            status: SessionStatus::Interrupted,
            ..self.report.clone()
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
        self.report.tokens.prompt += tokens.prompt;
        self.report.tokens.completion += tokens.completion;
    }

    pub fn tokens(&self) -> Tokens {
        self.report.tokens
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
        self.report.funnel.tried += 1;
        self.report.funnel.tried
    }

    pub fn woven(&mut self) {
        self.report.funnel.woven += 1;
    }

    pub fn coded(&mut self) {
        self.report.funnel.coded += 1;
    }

    pub fn ran(&mut self) {
        self.report.funnel.ran += 1;
    }

    pub fn settled(&mut self) {
        self.report.funnel.settled += 1;
    }

    /// The Guardian said yes and the dream stands on the shelf.
    pub fn saved(&mut self, tier: Tier, generator: Generator) {
        self.verified(tier);
        let report = &mut self.report;
        report.dreams_successful += 1;
        report.funnel.saved += 1;
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
        report.funnel.verified += 1;
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
                .guardian
                .gates
                .entry(report.gate.clone())
                .or_default();
            match report.outcome {
                GateOutcome::Pass => count.passed += 1,
                GateOutcome::Fail => count.failed += 1,
                GateOutcome::Skipped => {}
            }
            count.seconds += report.ms as f64 / 1000.0;
        }
    }

    /// How planted bad candidates of a class fared.
    pub fn plants(&mut self, class: &str, rate: PlantRate) {
        self.report.guardian.plants.insert(class.to_owned(), rate);
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
        if self.report.dreams_attempted > 0 {
            self.report.success_rate =
                self.report.dreams_successful as f64 / self.report.dreams_attempted as f64;
        }
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
