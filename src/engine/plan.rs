//! What to dream of next. Order: given tasks alone, where a person gave some; else the owner's own examples that hold
//! their solution, then (with a model) in turn a documented function without a body and a cluster to weave from, and
//! (without a model) the offline pack. Once enough tries are known, these say which module or cluster is next, of all that
//! there are. Chooses only; runs nothing.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::dream::{Cluster, Decision, Difficulty, Document, RemRequest, TaskLine};
use crate::knowledge::Knowledge;
use crate::pack::offline::{OfflinePack, PackTask};
use crate::pack::source::{LEAST_EXAMPLES, SourceTask, source_tasks_across};

use crate::learning::choose::Candidate;
use crate::learning::{fitted, module_of};
use crate::store::{ClusterRow, Store};

use super::learned::Learned;
use super::{DreamEngine, EngineError};

/// Checks that a task needs before it can be proven: three visible and two hidden.
pub(super) const ENOUGH_EXAMPLES: usize = LEAST_EXAMPLES;

/// Text of documents with examples that is read at once, in bytes: several times a large library's documentation.
const MOST_TEXT: usize = 64 << 20;

/// Examples that make a documented function without a body worth asking a model for; a model's own checks, answered by
/// the real function, fill the rest.
const SOME_EXAMPLES: usize = 2;

/// Documented functions for each woven task: the real function answers for them, so more of them can be proven.
const OPEN_IN_A_ROW: usize = 2;

/// One scenario to be.
#[derive(Debug)]
pub(super) enum Plan {
    Given(TaskLine),
    /// A task of the owner's documents; its solution may be there or not.
    Source(Box<SourceTask>),
    Weave(Box<Weave>),
    Pack(Box<PackTask>),
}

/// A cluster to weave from, which libraries the task is to use, and how hard it is to be.
#[derive(Debug)]
pub(super) struct Weave {
    pub(super) cluster: Cluster,
    pub(super) libraries: Vec<String>,
    pub(super) difficulty: Difficulty,
}

impl Plan {
    /// What learning counts it under, and the first step of its try.
    pub(super) fn topic_and_step(&self) -> (String, &'static str) {
        match self {
            Self::Given(_) => ("given tasks".to_owned(), "given"),
            Self::Source(task) => (module_of(&task.source.path), "source"),
            Self::Weave(weave) => (weave.cluster.label.clone(), "weave"),
            Self::Pack(task) => (module_of(&task.file), "pack"),
        }
    }

    pub(super) fn asks_a_model(&self) -> bool {
        match self {
            Self::Given(_) | Self::Weave(_) => true,
            Self::Source(task) => task.solution.is_none(),
            Self::Pack(_) => false,
        }
    }
}

/// A decision that nothing was weighed for.
fn decided(chosen: &str, how: impl Into<String>) -> Vec<Decision> {
    vec![Decision {
        what: "topic".to_owned(),
        chosen: chosen.to_owned(),
        how: how.into(),
        alternatives: Vec::new(),
    }]
}

/// The session's choice of what comes next.
pub(super) struct Planner {
    knowledge: Knowledge,
    /// Read for each session that no model answers.
    pack: Option<OfflinePack>,
    difficulty: Option<Difficulty>,
    given: Option<VecDeque<TaskLine>>,
    with_model: bool,
    tried: HashSet<String>,
    /// Tasks with a solution, ready.
    solved: VecDeque<SourceTask>,
    /// Tasks whose solution a model must write.
    open: VecDeque<SourceTask>,
    /// What the dreams of each cluster come to with those that this session has begun: the knowledge counts one when its task
    /// is written, and two in play must not ask for the same.
    begun: HashMap<i64, u64>,
    /// Documented functions since the last cluster was woven.
    since_woven: usize,
}

impl Planner {
    pub(super) async fn new(
        engine: &DreamEngine,
        request: &RemRequest,
        with_model: bool,
    ) -> Result<Self, EngineError> {
        let (knowledge, request) = (engine.knowledge.clone(), request.clone());
        let store = Arc::clone(&engine.store);
        // A large library's documentation takes a second to read: not on the event loop's thread, which hears the wake,
        // behind everybody else like all dream work, and no longer than somebody waits for it.
        let stop = CancellationToken::new();
        let _stops = stop.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name("mining".to_owned())
            .spawn(move || {
                crate::tree::lower_this_thread();
                let gathered = Self::gather(knowledge, &store, &request, with_model, &stop);
                // Nobody hears it any more once the session was woken.
                let _ = tell.send(gathered);
            })
            .map_err(|error| EngineError::Undecided(error.to_string()))?;
        told.await
            .map_err(|_| EngineError::Undecided("reading the knowledge broke".to_owned()))?
    }

    fn gather(
        knowledge: Knowledge,
        store: &Store,
        request: &RemRequest,
        with_model: bool,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let given = (!request.tasks.is_empty()).then(|| request.tasks.iter().cloned().collect());
        let mut planner = Self {
            knowledge,
            pack: (!with_model).then(OfflinePack::load).transpose()?,
            difficulty: request.complexity.fixed(),
            given,
            with_model,
            tried: store.tried_keys()?,
            solved: VecDeque::new(),
            open: VecDeque::new(),
            begun: HashMap::new(),
            since_woven: 0,
        };
        if planner.given.is_none() {
            planner.mine(stop)?;
        }
        Ok(planner)
    }

    /// The next scenario and why; `None` when there is nothing left.
    pub(super) fn next(
        &mut self,
        learned: &mut Learned,
    ) -> Result<Option<(Plan, Vec<Decision>)>, EngineError> {
        if let Some(given) = &mut self.given {
            let line = given.pop_front().map(Plan::Given);
            return Ok(line.map(|plan| (plan, decided("a given task", "in the order of the file"))));
        }
        if let Some(task) = self.solved.pop_front() {
            let plan = Plan::Source(Box::new(task));
            let (topic, _) = plan.topic_and_step();
            return Ok(Some((
                plan,
                decided(&topic, "first, because the document holds the solution"),
            )));
        }
        if let Some(pack) = &self.pack {
            let task = pack.next(self.difficulty, &self.tried).cloned();
            if let Some(task) = &task {
                self.tried.insert(task.key.clone());
            }
            return Ok(task.map(|task| {
                let why = decided(&task.file, "the pack's next, because no model answers");
                (Plan::Pack(Box::new(task)), why)
            }));
        }
        if learned.is_known() {
            return self.choose(learned);
        }
        self.in_turn(learned)
    }

    /// While little is known: two documented functions, a cluster, and again.
    fn in_turn(
        &mut self,
        learned: &mut Learned,
    ) -> Result<Option<(Plan, Vec<Decision>)>, EngineError> {
        let how = format!("in turn, while only {} tries are known", learned.tries());
        if self.since_woven < OPEN_IN_A_ROW
            && let Some(task) = self.open.pop_front()
        {
            self.since_woven += 1;
            let plan = Plan::Source(Box::new(task));
            let (topic, _) = plan.topic_and_step();
            return Ok(Some((plan, decided(&topic, how))));
        }
        self.since_woven = 0;
        let Some(row) = self.clusters()?.into_iter().next() else {
            return Ok(None);
        };
        let cluster = self.take(row)?;
        let decisions = decided(&cluster.label, how);
        Ok(Some(weave(cluster, decisions, learned)))
    }

    /// By what earlier tries say: a documented function of some module, or a cluster.
    fn choose(
        &mut self,
        learned: &mut Learned,
    ) -> Result<Option<(Plan, Vec<Decision>)>, EngineError> {
        let mut rows = self.clusters()?;
        let (mut places, mut candidates) = self.open_candidates();
        for (n, row) in rows.iter().enumerate() {
            places.push(Place::Cluster(n));
            candidates.push(Candidate {
                topic: fitted(&row.label),
                way: "llm",
                dreamed: row.dreamed,
            });
        }
        let Some((place, decision)) = learned.topic(&candidates) else {
            return Ok(None);
        };
        Ok(match places[place] {
            Place::Open(first) => {
                let mut decisions = vec![decision];
                let at = self.as_hard_as_wanted(first, learned, &mut decisions);
                let task = self.open.remove(at);
                task.map(|task| (Plan::Source(Box::new(task)), decisions))
            }
            Place::Cluster(n) => {
                let cluster = self.take(rows.swap_remove(n))?;
                Some(weave(cluster, vec![decision], learned))
            }
        })
    }

    /// Of the module whose next function is at `first`: the one that is as hard as the module's ladder says, or nearest to
    /// that.
    fn as_hard_as_wanted(
        &self,
        first: usize,
        learned: &mut Learned,
        decisions: &mut Vec<Decision>,
    ) -> usize {
        let next = &self.open[first];
        let module = module_of(&next.source.path);
        let (wanted, decision) = learned.difficulty(&module, &next.scenario.libraries);
        let Some(mut decision) = decision else {
            // A person's word; all that are left are as hard as that.
            return first;
        };
        let left = self.open.iter().enumerate();
        let left = left.filter(|(_, task)| module_of(&task.source.path) == module);
        let (at, found) = nearest(left.map(|(n, task)| (n, task.scenario.difficulty)), wanted)
            .unwrap_or((first, wanted));
        if found != wanted {
            found.as_str().clone_into(&mut decision.chosen);
            decision.how = format!("no {} one is left; {}", wanted.as_str(), decision.how);
        }
        decisions.push(decision);
        at
    }

    /// The next function of each module.
    fn open_candidates(&self) -> (Vec<Place>, Vec<Candidate>) {
        let mut seen = HashSet::new();
        let first = self.open.iter().enumerate().filter_map(|(n, task)| {
            let topic = fitted(&module_of(&task.source.path));
            let candidate = Candidate {
                topic: topic.clone(),
                way: "source",
                dreamed: 0,
            };
            seen.insert(topic).then_some((Place::Open(n), candidate))
        });
        first.unzip()
    }

    /// True once no task of the pack is left at the asked difficulty.
    pub(super) fn pack_is_spent(&self) -> bool {
        let next = self
            .pack
            .as_ref()
            .map(|pack| pack.next(self.difficulty, &self.tried));
        next.is_none_or(|next| next.is_none())
    }

    /// Finds the untried tasks in the documents' own examples. Seconds for a large library's documentation.
    fn mine(&mut self, stop: &CancellationToken) -> Result<(), EngineError> {
        let mut documents: Vec<Document> = Vec::new();
        let mut bytes = 0;
        for document in self.knowledge.documents_with_examples() {
            let document = document?;
            bytes += document.text.len();
            if bytes > MOST_TEXT {
                tracing::warn!(
                    MOST_TEXT,
                    "more documents with examples than are read at once; the rest waits"
                );
                break;
            }
            documents.push(document);
        }
        for task in source_tasks_across(&documents, &[], &|| !stop.is_cancelled()) {
            if self.tried.contains(&task.key) {
                continue;
            }
            let wanted = self
                .difficulty
                .is_none_or(|d| d == task.scenario.difficulty);
            if task.is_provable() {
                self.solved.push_back(task);
            } else if task.solution.is_none()
                && (task.can_be_asked() || task.examples() >= SOME_EXAMPLES)
                && wanted
                && self.with_model
            {
                self.open.push_back(task);
            }
            // A body with too few examples waits for a night on which somebody has added some.
        }
        self.open = in_turn(std::mem::take(&mut self.open));
        Ok(())
    }

    /// Every cluster without its text, in the order in which the knowledge will rank them once it has heard of all that was
    /// begun.
    fn clusters(&self) -> Result<Vec<ClusterRow>, EngineError> {
        let mut rows = self.knowledge.ranking()?;
        for row in &mut rows {
            let begun = self.begun.get(&row.id).copied().unwrap_or_default();
            row.dreamed = row.dreamed.max(begun);
        }
        rows.sort_by_key(|row| (row.dreamed, Reverse(row.degree), row.id));
        Ok(rows)
    }

    /// A cluster with its text, to be dreamed of now.
    fn take(&mut self, row: ClusterRow) -> Result<Cluster, EngineError> {
        self.begun.insert(row.id, row.dreamed.saturating_add(1));
        Ok(self.knowledge.with_text(row)?)
    }
}

/// Where a candidate stands in its list.
#[derive(Debug, Clone, Copy)]
enum Place {
    Open(usize),
    Cluster(usize),
}

/// The first that is as hard as wanted, else the first of those nearest to it.
fn nearest(
    tasks: impl Iterator<Item = (usize, Difficulty)>,
    wanted: Difficulty,
) -> Option<(usize, Difficulty)> {
    tasks.min_by_key(|(_, difficulty)| (*difficulty as u8).abs_diff(wanted as u8))
}

/// A cluster to weave from, with the libraries whose turn it is and as hard as their ladder says.
fn weave(
    cluster: Cluster,
    mut decisions: Vec<Decision>,
    learned: &mut Learned,
) -> (Plan, Vec<Decision>) {
    let (libraries, decision) = learned.libraries();
    decisions.extend(decision);
    let (difficulty, decision) = learned.difficulty(&cluster.label, &libraries);
    decisions.extend(decision);
    let weave = Weave {
        cluster,
        libraries,
        difficulty,
    };
    (Plan::Weave(Box::new(weave)), decisions)
}

/// The first task of each document, then the second of each: a night of one module alone is a dull one. Tasks with
/// examples of their own come before the rest of their document.
fn in_turn(tasks: VecDeque<SourceTask>) -> VecDeque<SourceTask> {
    let mut of_document: HashMap<String, usize> = HashMap::new();
    let mut tasks: Vec<SourceTask> = tasks.into();
    tasks.sort_by_key(|task| task.examples() == 0);
    let mut placed: Vec<(usize, SourceTask)> = tasks
        .into_iter()
        .map(|task| {
            let place = of_document.entry(task.source.path.clone()).or_default();
            *place += 1;
            (*place, task)
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, task)| task).collect()
}

#[cfg(test)]
mod tests;
