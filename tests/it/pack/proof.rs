//! The pack and the sample knowledge before the Guardian: what ships is gold, or it is not shipped.

use std::collections::HashSet;
use std::sync::Arc;

use dreamer::dream::{Candidate, Tier};
use dreamer::guardian::{Context, Guardian, Judgement};
use dreamer::pack::offline::PackTask;
use dreamer::pack::source::source_tasks_across;
use dreamer::sandbox::{self, Bubblewrap, Sandbox};
use dreamer::supervisor::permit;
use dreamer::tree::Tree;
use futures_util::{StreamExt, stream};

use super::source::knowledge;
use super::{CheckTemplate, Ran, job, pack, run};
use crate::support::{ledger, left_out};

/// Candidates before the Guardian at once; each has an interpreter or two of its own.
const AT_ONCE: usize = 2;

/// Every candidate must come out gold. Left out, aloud, where nothing isolates a program.
async fn prove(namespace: &str, candidates: Vec<Candidate>) {
    let tree = Arc::new(Tree::open(namespace).expect("a tree"));
    let (permit, _holder) = permit::operator(tree);
    let found = match Bubblewrap::find().await {
        Ok(found) => sandbox::try_out(&found, &permit).await.map(|()| found),
        Err(error) => Err(error),
    };
    let sandbox: Arc<dyn Sandbox> = match found {
        Ok(sandbox) => Arc::new(sandbox),
        Err(error) => return left_out("what ships before the Guardian", &error.to_string()),
    };
    ledger(sandbox.backend().as_str());
    let guardian = Guardian::new(sandbox);
    let judged = candidates.iter().map(|candidate| async {
        let judgement = guardian
            .judge(&permit, candidate, &Context::default())
            .await;
        (&candidate.scenario.title, judgement)
    });
    let mut faults = Vec::new();
    let mut judged = stream::iter(judged).buffer_unordered(AT_ONCE);
    while let Some((title, judgement)) = judged.next().await {
        match judgement {
            Judgement::Verified(dream) if dream.tier() == Tier::Gold => {}
            other => faults.push(format!("{title}: {other:?}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The task with what its own oracle answers, as the engine would ask it.
fn answered(tasks: &[PackTask]) -> Vec<Candidate> {
    let pending: Vec<Vec<CheckTemplate>> = tasks
        .iter()
        .map(|task| {
            let calls = task.pending_calls().into_iter().map(|call| CheckTemplate {
                setup: call.setup,
                call: call.call,
                given: call.given,
                kind: None,
            });
            calls.collect()
        })
        .collect();
    let jobs = tasks.iter().zip(&pending);
    let jobs: Vec<_> = jobs
        .map(|(task, calls)| job(&task.oracle, &calls.iter().collect::<Vec<_>>()))
        .collect();
    let literal = |ran: Ran| match ran {
        Ran::Value(value) => value.to_literal(),
        other => panic!("the oracle has no value: {other:?}"),
    };
    let answers = run(&jobs)
        .into_iter()
        .map(|row| row.into_iter().map(literal).collect::<Vec<_>>());
    let tasks = tasks.iter().zip(answers);
    tasks
        .map(|(task, answers)| task.with_expectations(&answers).expect("an answer a call"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_variant_of_every_pack_file_is_gold() {
    let pack = pack();
    let mut seen = HashSet::new();
    let first: Vec<PackTask> = pack
        .variants()
        .filter(|t| seen.insert(t.file.clone()))
        .cloned()
        .collect();
    prove("dreamer-it-pack", answered(&first)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_knowledge_is_gold() {
    let tasks = source_tasks_across(&knowledge(), &[], &|| true);
    let candidates: Vec<Candidate> = tasks
        .into_iter()
        .filter_map(|task| {
            Some(Candidate {
                scenario: task.scenario,
                code: task.solution?,
                checks: task.checks,
                hidden_checks: task.hidden_checks,
            })
        })
        .collect();
    prove("dreamer-it-knowledge", candidates).await;
}
