//! Measures the Guardian while it works: of every dream that it accepts, bad candidates are made and put before it like
//! any other. What gets through is counted, ends the saving where it must, and where a mutant got through, what tells it
//! from the dream becomes a check of the dream.

use crate::clock;
use crate::dream::{Candidate, Check, PlantRate};
use crate::guardian::plants::{COUNTED, Class, Count, Planted, alarm};

use super::{EngineError, Scene, Tally};

impl Scene<'_> {
    /// Plants what can be made of an accepted dream. The checks that it lacks come back: none where all plants fell.
    ///
    /// # Errors
    /// `Untrusted` once too much got through: then nothing may be saved.
    pub(super) async fn plant(
        &self,
        dream: &Candidate,
        tally: &mut Tally,
    ) -> Result<Vec<Check>, EngineError> {
        let store = &self.engine.store;
        let guardian = &self.tools.guardian;
        // Certain plants come in turns over all sessions.
        let turn = store.plants_made(Class::Certain.as_str())?;
        let turn = usize::try_from(turn).unwrap_or_default();
        let plants = match guardian.plants(self.permit, dream, turn).await {
            Ok(plants) => plants,
            Err(why) => {
                // An ended permit shows up here; everything else says nothing of the dream.
                self.permit.ask()?;
                tracing::debug!(scenario = self.number, why, "nothing could be planted");
                Vec::new()
            }
        };
        let mut lacking = Vec::new();
        for plant in plants {
            let through = match guardian.try_plant(self.permit, &plant).await {
                Planted::Fell(_) => false,
                Planted::Through => true,
                Planted::Undecided(_) => {
                    self.permit.ask()?;
                    continue;
                }
            };
            let (class, kind) = (plant.class().as_str(), plant.kind());
            store.record_plant(self.session(), clock::utc(), class, kind, through)?;
            if through {
                tracing::warn!(
                    scenario = self.number,
                    class,
                    kind,
                    "a planted bad candidate got through"
                );
                lacking.extend(plant.witness().cloned());
            }
        }
        let (certain, shown) = counts(&store.plants(COUNTED)?);
        tally.plants(Class::Certain.as_str(), rate(certain));
        tally.plants(Class::Shown.as_str(), rate(shown));
        match alarm(certain, shown) {
            Some(why) => Err(EngineError::Untrusted(why)),
            None => Ok(lacking),
        }
    }
}

fn counts(plants: &[(String, bool)]) -> (Count, Count) {
    let (mut certain, mut shown) = (Count::default(), Count::default());
    for (class, through) in plants {
        if class == Class::Certain.as_str() {
            certain.add(*through);
        } else {
            shown.add(*through);
        }
    }
    (certain, shown)
}

fn rate(count: Count) -> PlantRate {
    let (low, high) = count.interval();
    PlantRate {
        tried: count.tried,
        through: count.through,
        low,
        high,
    }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn classes_are_counted_apart() {
        let plant = |class: &str, through| (class.to_owned(), through);
        let (certain, shown) = counts(&[
            plant("certain", false),
            plant("shown", true),
            plant("shown", false),
        ]);
        assert_eq!((certain.tried, certain.through), (1, 0));
        assert_eq!((shown.tried, shown.through), (2, 1));
    }
}
