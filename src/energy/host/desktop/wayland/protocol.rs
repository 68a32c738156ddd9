//! The few words of the Wayland protocol that `ext-idle-notify-v1` takes, without any socket: bytes in, bytes out. Pure;
//! spoken by the file above.
//!
//! Two notifications a seat where the compositor knows them: one that hears input alone, and one that a film holds back.
//! The second staying silent while the first speaks is the film.

use std::time::Duration;

use super::super::said::Idle;
use crate::clock::Instant;

/// After this long without input the compositor tells, and then of the next input.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MS: u32 = 1000;

/// Both notifications of a seat speak within this of each other; one that stays silent for longer is held back.
pub(super) const APART: Duration = Duration::from_secs(2);

/// People at one compositor.
const MOST_SEATS: usize = 8;

const DISPLAY: u32 = 1;
const REGISTRY: u32 = 2;
/// Objects of ours from here on.
const FIRST_ID: u32 = 3;

const NOTIFIER: &str = "ext_idle_notifier_v1";
/// From this version on input can be told from films.
const TELLS_INPUT: u32 = 2;

/// What came of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The compositor has answered all that was asked before.
    Answered,
    /// Somebody gave input after a pause.
    Back,
    /// Idle or not, it is another now.
    Changed,
}

#[derive(Debug)]
struct Seat {
    /// What the registry calls it.
    name: u32,
    /// The notification that hears input alone.
    input: Option<u32>,
    /// The one that inhibitors hold back.
    held: u32,
    /// When both were asked for. A compositor counts from there, whenever the last input was.
    asked: Instant,
    since: Option<Instant>,
    /// An input was told since then.
    touched: bool,
    held_idles: bool,
    /// When that was told last.
    held_at: Instant,
}

impl Seat {
    /// Since when nobody gave input here, at least; `None` where somebody does. What says nothing at all has not yet had the
    /// time to, or somebody never pauses.
    fn still_since(&self, now: Instant) -> Option<Instant> {
        let waits = !self.touched && now < self.asked + PAUSE + APART;
        self.since.or(waits.then_some(self.asked))
    }
}

/// One compositor, as far as it was heard.
#[derive(Debug)]
pub(super) struct Compositor {
    next_id: u32,
    notifier: Option<(u32, u32)>,
    /// Seats that were named and have no notification yet: name and object.
    unwatched: Vec<(u32, u32)>,
    seats: Vec<Seat>,
    asked: u32,
    unread: Vec<u8>,
    /// What must be sent.
    pub(super) out: Vec<u8>,
}

impl Compositor {
    /// Asks for everything that the compositor offers.
    pub(super) fn new() -> Self {
        let mut new = Self {
            next_id: FIRST_ID,
            notifier: None,
            unwatched: Vec::new(),
            seats: Vec::new(),
            asked: 0,
            unread: Vec::new(),
            out: Vec::new(),
        };
        // get_registry
        new.request(DISPLAY, 1, &REGISTRY.to_ne_bytes());
        new.ask();
        new
    }

    /// Asks for a sign of life.
    pub(super) fn ask(&mut self) {
        self.asked = self.new_id();
        // sync
        self.request(DISPLAY, 0, &self.asked.to_ne_bytes());
    }

    /// Whether input can be heard here.
    pub(super) fn can_tell(&self) -> bool {
        self.notifier.is_some()
    }

    /// Since when nobody gave input at any seat. Where the last input was before somebody asked, which nobody is told, since
    /// when at least: the second of the two. Neither without a seat.
    pub(super) fn quiet(&self, now: Instant) -> (Option<Idle>, Option<Instant>) {
        let mut since: Option<Instant> = None;
        for seat in &self.seats {
            let Some(at) = seat.still_since(now) else {
                return (Some(Idle::Active), None);
            };
            since = since.max(Some(at));
        }
        if self.seats.iter().all(|seat| seat.touched) {
            (since.map(Idle::Since), None)
        } else {
            (None, since)
        }
    }

    /// Somebody gives no input and something keeps the screen on all the same.
    pub(super) fn is_held(&self, now: Instant) -> bool {
        self.held_from().is_some_and(|at| now >= at)
    }

    /// From when on that is so, if nothing else is told before: a touch is told by both notifications, one after the other.
    pub(super) fn held_from(&self) -> Option<Instant> {
        let of_seat = |seat: &Seat| {
            let since = seat
                .since
                .filter(|_| seat.input.is_some() && !seat.held_idles)?;
            Some((since + PAUSE).max(seat.held_at) + APART)
        };
        self.seats.iter().filter_map(of_seat).min()
    }

    /// Takes what came. What the protocol does not allow is an error in words.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Instant) -> Result<Vec<Told>, String> {
        self.unread.extend_from_slice(bytes);
        let mut told = Vec::new();
        let mut read = 0;
        while let Some(event) = Event::first(&self.unread[read..])? {
            read += event.length;
            let event = event.owned();
            told.extend(self.event(&event, now)?);
        }
        self.unread.drain(..read);
        Ok(told)
    }

    fn event(&mut self, event: &Owned, now: Instant) -> Result<Option<Told>, String> {
        let mut body = Body(&event.body);
        match (event.object, event.opcode) {
            // error
            (DISPLAY, 0) => {
                let (_, _) = (body.number()?, body.number()?);
                Err(format!("refuses: {}", body.text()?))
            }
            // global
            (REGISTRY, 0) => {
                let (name, interface, version) = (body.number()?, body.text()?, body.number()?);
                self.offered(name, &interface, version, now);
                Ok(None)
            }
            // global_remove
            (REGISTRY, 1) => {
                let gone = body.number()?;
                self.seats.retain(|seat| seat.name != gone);
                self.unwatched.retain(|(name, _)| *name != gone);
                Ok(Some(Told::Changed))
            }
            (object, 0) if object == self.asked => Ok(Some(Told::Answered)),
            (object, opcode) => Ok(self.notified(object, opcode, now)),
        }
    }

    fn offered(&mut self, name: u32, interface: &str, version: u32, now: Instant) {
        match interface {
            NOTIFIER if self.notifier.is_none() => {
                let version = version.min(TELLS_INPUT);
                let id = self.bind(name, interface, version);
                self.notifier = Some((id, version));
            }
            "wl_seat" if self.seats.len() + self.unwatched.len() < MOST_SEATS => {
                let id = self.bind(name, interface, 1);
                self.unwatched.push((name, id));
            }
            _ => {}
        }
        let Some((notifier, version)) = self.notifier else {
            return;
        };
        for (name, seat) in std::mem::take(&mut self.unwatched) {
            let held = self.notification(notifier, 1, seat);
            let input = (version >= TELLS_INPUT).then(|| self.notification(notifier, 2, seat));
            self.seats.push(Seat {
                name,
                input,
                held,
                asked: now,
                since: None,
                touched: false,
                held_idles: false,
                held_at: now,
            });
        }
    }

    /// `idled` (0) or `resumed` (1) of one of our notifications.
    fn notified(&mut self, object: u32, opcode: u16, now: Instant) -> Option<Told> {
        let idles = match opcode {
            0 => true,
            1 => false,
            _ => return None,
        };
        let seat = self
            .seats
            .iter_mut()
            .find(|seat| seat.held == object || seat.input == Some(object))?;
        if seat.held == object {
            (seat.held_idles, seat.held_at) = (idles, now);
        }
        // Where input has a notification of its own, the other tells of films alone.
        if seat.held == object && seat.input.is_some() {
            return Some(Told::Changed);
        }
        seat.since = idles.then(|| now.checked_sub(PAUSE).unwrap_or(now));
        seat.touched |= !idles;
        Some(if idles { Told::Changed } else { Told::Back })
    }

    fn notification(&mut self, notifier: u32, opcode: u16, seat: u32) -> u32 {
        let id = self.new_id();
        let body = [id, PAUSE_MS, seat].map(u32::to_ne_bytes).concat();
        self.request(notifier, opcode, &body);
        id
    }

    fn bind(&mut self, name: u32, interface: &str, version: u32) -> u32 {
        let id = self.new_id();
        let mut body = name.to_ne_bytes().to_vec();
        body.extend(text(interface));
        body.extend(version.to_ne_bytes());
        body.extend(id.to_ne_bytes());
        self.request(REGISTRY, 0, &body);
        id
    }

    fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn request(&mut self, object: u32, opcode: u16, body: &[u8]) {
        self.out.extend(message(object, opcode, body));
    }
}

/// A message of either side: the object, its length and what is said, the arguments.
pub(super) fn message(object: u32, opcode: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let head = (length << 16) | u32::from(opcode);
    [&object.to_ne_bytes(), &head.to_ne_bytes(), body].concat()
}

/// Its length with the zero at its end, the bytes, and zeros up to a word.
pub(super) fn text(text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    let mut bytes = u32::try_from(length)
        .unwrap_or(u32::MAX)
        .to_ne_bytes()
        .to_vec();
    bytes.extend(text.as_bytes());
    bytes.resize(4 + length.next_multiple_of(4), 0);
    bytes
}

const HEADER: usize = 8;

struct Event<'a> {
    object: u32,
    opcode: u16,
    body: &'a [u8],
    length: usize,
}

struct Owned {
    object: u32,
    opcode: u16,
    body: Vec<u8>,
}

impl<'a> Event<'a> {
    /// The first whole message; `None` where more must come.
    fn first(bytes: &'a [u8]) -> Result<Option<Self>, String> {
        let Some((head, _)) = bytes.split_at_checked(HEADER) else {
            return Ok(None);
        };
        let (object, rest) = (word(&head[..4]), word(&head[4..]));
        let length = (rest >> 16) as usize;
        if length < HEADER {
            return Err("talks nonsense: a message without a head".to_owned());
        }
        let opcode = u16::try_from(rest & 0xffff).unwrap_or_default();
        Ok(bytes.get(HEADER..length).map(|body| Self {
            object,
            opcode,
            body,
            length,
        }))
    }

    fn owned(&self) -> Owned {
        Owned {
            object: self.object,
            opcode: self.opcode,
            body: self.body.to_vec(),
        }
    }
}

struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn number(&mut self) -> Result<u32, String> {
        self.take(4).map(word)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.number()? as usize;
        let bytes = self.take(length)?;
        let text = String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned();
        let padding = length.next_multiple_of(4) - length;
        self.take(padding)?;
        Ok(text)
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err("talks nonsense: a message that ends too early".to_owned());
        };
        self.0 = rest;
        Ok(taken)
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.try_into().map(u32::from_ne_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
