//! NVIDIA's management library (NVML), loaded at run time: the few calls that a look needs, each checked. The layouts are
//! those of its C header, which promises to keep them for these versions of the calls.

#![expect(
    unsafe_code,
    reason = "a C library that is loaded at run time has no safe form"
)]

use std::ffi::c_void;
use std::path::Path;

use libloading::Symbol;

/// Found where the loader finds libraries.
pub(in crate::energy::host) const LIBRARY: &str = "libnvidia-ml.so.1";

/// The library's answers to a call.
const SUCCESS: i32 = 0;
const NOT_SUPPORTED: i32 = 3;
const NOT_FOUND: i32 = 6;
/// `NVML_TEMPERATURE_GPU`.
const DIE: u32 = 0;

/// More processes at once on one card are not looked at: a card holds some dozens.
const MOST: usize = 256;
/// Cards of one machine.
const MOST_CARDS: u32 = 16;

type Device = *mut c_void;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Utilization {
    card: u32,
    memory: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct ProcessUtilization {
    pid: u32,
    at_us: u64,
    sm: u32,
    memory: u32,
    encoder: u32,
    decoder: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct ProcessInfo {
    pid: u32,
    memory_bytes: u64,
    instance: u32,
    compute_instance: u32,
}

type Init = unsafe extern "C" fn() -> i32;
type Count = unsafe extern "C" fn(*mut u32) -> i32;
type ByIndex = unsafe extern "C" fn(u32, *mut Device) -> i32;
type Rates = unsafe extern "C" fn(Device, *mut Utilization) -> i32;
type Samples = unsafe extern "C" fn(Device, *mut ProcessUtilization, *mut u32, u64) -> i32;
type Running = unsafe extern "C" fn(Device, *mut u32, *mut ProcessInfo) -> i32;
type Temperature = unsafe extern "C" fn(Device, u32, *mut u32) -> i32;

/// One process on a card for a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) pid: u32,
    /// The library's own time, microseconds.
    pub(super) at: u64,
    /// Share of the card, 0 to 1: computing or coding films.
    pub(super) share: f64,
}

/// The library, ready to be asked.
#[derive(Debug)]
pub(super) struct Library(libloading::Library);

impl Library {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        // SAFETY: the driver's own library; loading it runs its initialisers, which is what it is made for.
        let loaded = unsafe { libloading::Library::new(path) };
        let library = Self(loaded.map_err(|error| format!("{}: {error}", path.display()))?);
        let init: Symbol<Init> = library.call(b"nvmlInit_v2\0")?;
        // SAFETY: takes nothing; may be called at any time.
        check("nvmlInit_v2", unsafe { init() })?;
        Ok(library)
    }

    pub(super) fn cards(&self) -> Result<u32, String> {
        let count: Symbol<Count> = self.call(b"nvmlDeviceGetCount_v2\0")?;
        let mut cards = 0;
        // SAFETY: writes one number.
        check("nvmlDeviceGetCount_v2", unsafe { count(&raw mut cards) })?;
        Ok(cards.min(MOST_CARDS))
    }

    /// Share of a card that is in use, by whomever.
    pub(super) fn busy(&self, card: u32) -> Result<f64, String> {
        let device = self.device(card)?;
        let rates: Symbol<Rates> = self.call(b"nvmlDeviceGetUtilizationRates\0")?;
        let mut now = Utilization::default();
        // SAFETY: writes one structure of two numbers.
        let answer = unsafe { rates(device, &raw mut now) };
        check("nvmlDeviceGetUtilizationRates", answer)?;
        Ok(f64::from(now.card) / 100.0)
    }

    /// What each process used since `newer_than`; `None` where the card does not tell.
    pub(super) fn samples(
        &self,
        card: u32,
        newer_than: u64,
    ) -> Result<Option<Vec<Sample>>, String> {
        let device = self.device(card)?;
        let ask: Symbol<Samples> = self.call(b"nvmlDeviceGetProcessUtilization\0")?;
        let mut room = vec![ProcessUtilization::default(); MOST];
        let mut count = length(&room);
        // SAFETY: writes at most `count` structures, for which there is room, and how many there are.
        let answer = unsafe { ask(device, room.as_mut_ptr(), &raw mut count, newer_than) };
        match answer {
            NOT_SUPPORTED => return Ok(None),
            NOT_FOUND => return Ok(Some(Vec::new())),
            answer => check("nvmlDeviceGetProcessUtilization", answer)?,
        }
        let told = room.iter().take(count as usize);
        Ok(Some(
            told.map(|one| Sample {
                pid: one.pid,
                at: one.at_us,
                share: f64::from(one.sm.max(one.encoder).max(one.decoder)) / 100.0,
            })
            .collect(),
        ))
    }

    /// Who computes or draws on a card.
    pub(super) fn processes(&self, card: u32) -> Result<Vec<u32>, String> {
        let device = self.device(card)?;
        let mut pids = Vec::new();
        for name in [
            b"nvmlDeviceGetComputeRunningProcesses_v3\0".as_slice(),
            b"nvmlDeviceGetGraphicsRunningProcesses_v3\0",
        ] {
            let running: Symbol<Running> = self.call(name)?;
            let mut room = vec![ProcessInfo::default(); MOST];
            let mut count = length(&room);
            // SAFETY: writes at most `count` structures, for which there is room, and how many there are.
            let answer = unsafe { running(device, &raw mut count, room.as_mut_ptr()) };
            check("nvmlDeviceGet…RunningProcesses_v3", answer)?;
            pids.extend(room.iter().take(count as usize).map(|one| one.pid));
        }
        Ok(pids)
    }

    /// Degrees Celsius; `None` where the card does not tell.
    pub(super) fn temperature(&self, card: u32) -> Option<f64> {
        let device = self.device(card).ok()?;
        let ask: Symbol<Temperature> = self.call(b"nvmlDeviceGetTemperature\0").ok()?;
        let mut degrees = 0;
        // SAFETY: writes one number.
        let answer = unsafe { ask(device, DIE, &raw mut degrees) };
        (answer == SUCCESS).then_some(f64::from(degrees))
    }

    fn device(&self, card: u32) -> Result<Device, String> {
        let by_index: Symbol<ByIndex> = self.call(b"nvmlDeviceGetHandleByIndex_v2\0")?;
        let mut device = std::ptr::null_mut();
        // SAFETY: writes one handle, which the library keeps valid until it is shut down.
        let answer = unsafe { by_index(card, &raw mut device) };
        check("nvmlDeviceGetHandleByIndex_v2", answer)?;
        Ok(device)
    }

    fn call<T>(&self, name: &[u8]) -> Result<Symbol<'_, T>, String> {
        // SAFETY: each caller names the type that the library's header gives this call.
        let found = unsafe { self.0.get(name) };
        found.map_err(|error| format!("the library lacks a call: {error}"))
    }
}

fn length<T>(room: &[T]) -> u32 {
    u32::try_from(room.len()).unwrap_or(u32::MAX)
}

fn check(call: &str, answer: i32) -> Result<(), String> {
    if answer == SUCCESS {
        return Ok(());
    }
    Err(format!("{call} answers {answer}"))
}
