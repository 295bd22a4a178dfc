//! Where a connection may go. A URL in a studio's settings must not reach services that only this machine can see.
//!
//! Invariant: the addresses in a [`Target`] were all checked, and the connection is made to one of them: a name that
//! resolves differently a moment later changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use spotloom_plugin_sdk::prelude::*;

/// A checked URL and the addresses of its host.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Reads, resolves and checks a URL.
///
/// # Errors
/// `bad-url`, `address-refused`, and, worth another try, `webhook-unreachable` when the name does not resolve.
pub(crate) fn check(url: &str, allow_http: bool, allow_private: bool) -> Result<Target, Failure> {
    // The URL itself is not repeated: many receivers put a token in it.
    let bad = |why: &str| Failure::new("bad-url", format!("the webhook's `url` is refused: {why}"));
    let url = Url::parse(url).map_err(|e| bad(&e.to_string()).hint("write it as https://host/path"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err(bad("it is not https").hint("use https, or set `allow-http: true` on a trusted network")),
        other => return Err(bad(&format!("`{other}:` is not https"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it carries a user name or password").hint("the signature proves who sends; leave them out"));
    }
    let host = url.host_str().ok_or_else(|| bad("it names no host"))?.to_owned();
    let addresses = url.socket_addrs(|| None).map_err(|e| {
        Failure::new("webhook-unreachable", format!("{host} could not be resolved: {e}"))
            .hint("check the host's name and this machine's DNS")
            .retryable()
    })?;
    if !allow_private && let Some(refused) = addresses.iter().find(|a| !is_public(a.ip())) {
        return Err(Failure::new("address-refused", format!("{host} is {}, not a public address", refused.ip()))
            .hint("for a receiver on your own network set `allow-private: true` on its channel in spotloom.yaml"));
    }
    Ok(Target { url, host, addresses })
}

/// Whether an address is reachable by anybody, so that reaching it from here opens nothing.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// IANA's special-purpose registry for IPv4, less what is globally reachable.
fn is_public_v4(a: Ipv4Addr) -> bool {
    let o = a.octets();
    let special = a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_documentation()
        || a.is_multicast()
        || o[0] == 0
        || o[0] >= 240
        || (o[0] == 100 && (64..128).contains(&o[1])) // carrier-grade NAT
        || (o[0] == 192 && o[1] == 0 && o[2] == 0)
        || (o[0] == 198 && (18..20).contains(&o[1])); // benchmarks
    !special
}

fn is_public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    let last_v4 = Ipv4Addr::from(((u32::from(s[6])) << 16) | u32::from(s[7]));
    match s {
        // Forms that carry an IPv4 address are that address.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last_v4),
        [0x2002, high, low, ..] => is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        // Protocol assignments, Teredo among them, and documentation.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        // Global unicast is 2000::/3; loopback, unique local, link-local and multicast are all outside.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::check as check_url;

    #[test]
    fn urls_by_the_address_they_mean() {
        let check = |url: &str, expected: Result<(), &str>| {
            let got = check_url(url, false, false).map(|_| ()).map_err(|f| f.code);
            assert_eq!(got, expected.map_err(str::to_owned), "{url}");
        };
        check("https://93.184.216.34/hook", Ok(()));
        check("https://[2606:2800:220:1:248:1893:25c8:1946]/hook", Ok(()));
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "localhost",
        ] {
            check(&format!("https://{host}/hook"), Err("address-refused"));
        }
        check("http://93.184.216.34/", Err("bad-url"));
        check("ftp://93.184.216.34/", Err("bad-url"));
        check("file:///etc/passwd", Err("bad-url"));
        check("https://user:word@93.184.216.34/", Err("bad-url"));
        check("not a url", Err("bad-url"));
        check("https://", Err("bad-url"));
    }

    #[test]
    fn what_the_studio_allows() {
        assert!(check_url("http://127.0.0.1:8080/", true, true).is_ok());
        assert_eq!(check_url("http://127.0.0.1:8080/", false, true).unwrap_err().code, "bad-url");
        assert_eq!(check_url("http://127.0.0.1:8080/", true, false).unwrap_err().code, "address-refused");
    }
}
