//! Which addresses mean this machine: a model server there is asked to let go of it, and its load is told from that of others.
//! Resolves no name and sends nothing.

use std::net::{IpAddr, UdpSocket};

/// True for this machine, by whichever of its addresses; the unspecified one leads here too.
#[must_use]
pub fn is_here(address: IpAddr) -> bool {
    let address = address.to_canonical();
    // Only its own addresses can be bound.
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, here: bool) {
        let parsed = address.parse().expect("an address");
        assert_eq!(is_here(parsed), here, "{address}");
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for ours in ["127.0.0.1", "127.8.9.1", "0.0.0.0", "::ffff:127.0.0.1"] {
            check(ours, true);
        }
        check("::1", true);
        check("::", true);
        // Nobody has these: they are for documents.
        for theirs in ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"] {
            check(theirs, false);
        }
    }

    #[test]
    fn the_address_that_others_know_us_by_is_here() {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        // Sends nothing, and asks only which way it would go. A machine without a network has none.
        if socket.connect("192.0.2.7:9").is_ok() {
            let ours = socket.local_addr().expect("an address").ip();
            check(&ours.to_string(), true);
        }
    }
}
