//! Which addresses count as "ours", pure. Called before a model is first spoken to; never resolves a name itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// True for this machine and for the private ranges (RFC 1918, RFC 4193), where a document that is sent stays at home.
///
/// Link-local IPv4 is left out on purpose: clouds serve their machine's secrets at 169.254.169.254.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => v6
            .to_ipv4_mapped()
            .map_or_else(|| is_private_v6(v6), is_private_v4),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    // The unspecified address connects to this machine.
    v4.is_loopback() || v4.is_private() || v4.is_unspecified()
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    // A host on the local network commonly answers with its link-local address as well.
    v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, private: bool) {
        assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
    }

    #[test]
    fn loopback_and_private_ranges_are_ours() {
        for ours in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.9",
            "192.168.1.4",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            check(ours, true);
        }
    }

    #[test]
    fn public_shared_and_metadata_addresses_are_not_ours() {
        for theirs in [
            "8.8.8.8",
            "169.254.169.254",
            "172.32.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            check(theirs, false);
        }
    }
}
