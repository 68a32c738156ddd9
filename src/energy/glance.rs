//! One look at this machine by a process that has not been looking all along: for `doctor`, and for `why` where no
//! service answers. Blocks for a second, for three or four where a bus is silent or a compositor may tell of a film;
//! keeps nothing running.

use std::sync::Arc;
use std::time::Duration;

use super::host::{Answer, FILM_IS_SEEN, HostSenses, Mend, Source, Word};
use super::notice::Hear;
use super::own::OwnWork;
use super::{Reading, Senses};
use crate::clock::{self, Instant};
use crate::config;
use crate::tree::Tree;

/// A bus that is there answers within this, or is called silent by then.
const DESKTOP_ANSWERS: Duration = Duration::from_secs(3);

/// What is written down needs a moment to be found.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Between the two looks that a share of the processor takes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug, Clone)]
pub struct Glance {
    pub reading: Reading,
    /// Input is told the moment it happens; otherwise looks find it.
    pub listening: bool,
    /// What would let it be known whether somebody is there, where it is not.
    pub mend: Option<Mend>,
    /// What each of the desktop's services says.
    pub words: Vec<(Source, Word)>,
    /// Share of the busiest graphics card that others use; `None` without a card that is awake.
    pub graphics: Option<Result<f64, String>>,
    /// What was read in a way that has only ever met recordings.
    pub recorded: Vec<&'static str>,
}

impl Glance {
    /// Listens as the service does and asks the same desktop, so that it sees what the service would.
    #[must_use]
    pub fn take(desktop: &config::Desktop, tree: &Arc<Tree>) -> Self {
        let mut senses = HostSenses::new(Arc::clone(tree), OwnWork::new()).with_desktop(desktop);
        let began = clock::monotonic();
        let hear: Hear = Arc::new(|_| {});
        let listening = senses.listen(hear);
        let _first = senses.read(clock::monotonic());
        std::thread::sleep(BETWEEN_LOOKS);
        let words = answered(&senses, began);
        let reading = senses.read(clock::monotonic());
        Self {
            reading,
            listening: listening.is_some(),
            mend: senses.mend(),
            words,
            graphics: senses.graphics(),
            recorded: senses.met_recordings_only(),
        }
    }
}

/// What the desktop's services say once each has answered or had its time.
fn answered(senses: &HostSenses, began: Instant) -> Vec<(Source, Word)> {
    loop {
        let words = senses.desktop();
        let waits = words.iter().any(|(source, word)| match word.answer {
            Answer::Asked => began.elapsed() < DESKTOP_ANSWERS,
            // A compositor tells of a film by what it does not say.
            Answer::Live if *source == Source::Wayland => began.elapsed() < FILM_IS_SEEN + A_MOMENT,
            Answer::Live | Answer::Absent(_) | Answer::Unknown(_) => false,
        });
        if !waits {
            return words;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
