//! The power service: whether the machine runs on battery, for batteries that the kernel's own files do not show, such
//! as an uninterruptible supply on USB.

use zbus::Connection;

use super::bus::{Service, Trouble, flag};
use crate::energy::Power;

pub(super) const NAME: &str = "org.freedesktop.UPower";

pub(super) async fn look(bus: &Connection) -> Result<Power, Trouble> {
    let at = |path| Service { name: NAME, path };
    let all = at("/org/freedesktop/UPower").properties(bus, NAME).await?;
    match flag(&all, "OnBattery") {
        Some(false) => return Ok(Power::Mains),
        Some(true) => {}
        None => return Err(Trouble::unknown("does not say whether it is on battery")),
    }
    let display = at("/org/freedesktop/UPower/devices/DisplayDevice");
    let device = display.properties(bus, "org.freedesktop.UPower.Device");
    let device = device.await.unwrap_or_default();
    let percent = device
        .get("Percentage")
        .and_then(|percent| f64::try_from(percent).ok());
    Ok(Power::Battery {
        percent: percent.and_then(whole),
    })
}

/// A percentage that is one.
fn whole(percent: f64) -> Option<u8> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0 to 100"
    )]
    (0.0..=100.0)
        .contains(&percent)
        .then_some(percent.floor() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_beyond_its_bounds_is_none() {
        assert_eq!(whole(41.9), Some(41));
        assert_eq!(whole(100.0), Some(100));
        for nonsense in [-1.0, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(whole(nonsense), None, "{nonsense}");
        }
    }
}
