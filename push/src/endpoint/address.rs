//! Which IP addresses belong to the public internet. Pure: it resolves nothing and opens nothing.
//!
//! The special-purpose registries of IANA (RFC 6890 and its updates) name what is refused. Every
//! form in which an IPv4 address hides inside an IPv6 one is refused as a whole (mapped, NAT64,
//! 6to4, Teredo): a push service has no reason to be reached that way, and each is a way around a
//! filter that looks at the outer address only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is one that anybody on the internet could reach.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// A network prefix: its first address and how many bits count.
struct Prefix<T> {
    network: T,
    bits: u32,
}

const fn v4(a: u8, b: u8, c: u8, bits: u32) -> Prefix<Ipv4Addr> {
    Prefix {
        network: Ipv4Addr::new(a, b, c, 0),
        bits,
    }
}

const fn v6(a: u16, b: u16, c: u16, bits: u32) -> Prefix<Ipv6Addr> {
    Prefix {
        network: Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0),
        bits,
    }
}

/// Everything of IPv4 that is not public.
const SPECIAL_V4: &[Prefix<Ipv4Addr>] = &[
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // carrier-grade NAT
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link local: cloud metadata services
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // IETF protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // 6to4 relays
    v4(192, 168, 0, 16),  // private
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 3),     // multicast, reserved, broadcast
];

/// The only part of IPv6 that is handed out to the public.
const GLOBAL_UNICAST_V6: Prefix<Ipv6Addr> = v6(0x2000, 0, 0, 3);

/// What inside [`GLOBAL_UNICAST_V6`] is not public.
const SPECIAL_V6: &[Prefix<Ipv6Addr>] = &[
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, benchmarks, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4
    v6(0x3fff, 0, 0, 20),     // documentation
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|special| {
        let shift = 32 - special.bits;
        u32::from(address) >> shift == u32::from(special.network) >> shift
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inside = |prefix: &Prefix<Ipv6Addr>| {
        let shift = 128 - prefix.bits;
        u128::from(address) >> shift == u128::from(prefix.network) >> shift
    };
    inside(&GLOBAL_UNICAST_V6) && !SPECIAL_V6.iter().any(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_real_push_services_are_public() {
        for text in [
            "142.250.196.100",
            "17.188.168.5",
            "34.107.243.93",
            "2607:f8b0:4004::5f",
        ] {
            assert!(public(text), "{text}");
        }
    }

    #[test]
    fn every_special_range_is_refused_at_both_ends_and_its_neighbours_are_not() {
        for (first, last) in [
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
        ] {
            assert!(!public(first) && !public(last), "{first}–{last}");
            let before = u32::from(first.parse::<Ipv4Addr>().unwrap()) - 1;
            let after = u32::from(last.parse::<Ipv4Addr>().unwrap()) + 1;
            assert!(is_public(Ipv4Addr::from(before).into()), "before {first}");
            assert!(is_public(Ipv4Addr::from(after).into()), "after {last}");
        }
        for text in [
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "203.0.113.9",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn special_and_unassigned_parts_of_ipv6_are_refused() {
        for text in [
            "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001::1",
        ] {
            assert!(!public(text), "{text}");
        }
        for text in [
            "2001:db8::1",
            "2001:2::1",
            "3fff::1",
            "5f00::1",
            "100::1",
            "4000::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    proptest! {
        /// Whatever the IPv4 address inside, public or not: no embedding of it is accepted.
        #[test]
        fn no_form_of_an_embedded_ipv4_address_is_public(bits in any::<u32>()) {
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            for embedded in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, a, b),      // mapped
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),           // compatible
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),      // translated
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),   // NAT64
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),   // local NAT64
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),      // 6to4
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !a, !b),    // Teredo
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, a, b), // ISATAP
            ] {
                prop_assert!(!is_public(embedded.into()), "{}", embedded);
            }
        }

        /// The standard library's own predicates, as a second opinion.
        #[test]
        fn what_the_standard_library_calls_special_is_never_public(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            let special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || address.is_unspecified();
            prop_assert!(!(special && is_public(address.into())), "{}", address);
        }

        #[test]
        fn outside_global_unicast_nothing_of_ipv6_is_public(bits in any::<u128>()) {
            let address = Ipv6Addr::from(bits);
            prop_assert!(!is_public(address.into()) || address.segments()[0] >> 13 == 1);
        }
    }
}
