//! Opens a TCP connection to one of a host's addresses, whichever answers first.
//!
//! Source: RFC 8305, "Happy Eyeballs": a host whose IPv6 leads nowhere must not cost the whole connect timeout.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long one address is alone before the next is tried beside it; the RFC recommends it.
const STAGGER: Duration = Duration::from_millis(250);
/// Silence after which TCP asks whether the other side is still there, and how often and how many times: models
/// think for minutes, and routers on the way forget connections that say nothing.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// A connection to `host`, ready for small writes at once.
pub async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = tokio::net::lookup_host((host, port)).await?.collect();
    let tcp = race(interleaved(addresses)).await?;
    tcp.set_nodelay(true)?;
    // A system without one of these serves all the same.
    let _ = keep_alive(&tcp);
    Ok(tcp)
}

fn keep_alive(tcp: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, KEEPALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(tcp, KEEPALIVE_EVERY)?;
    sockopt::set_tcp_keepcnt(tcp, KEEPALIVE_PROBES)
}

/// The addresses in the resolver's order, but the two families by turns.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let count = addresses.len();
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    (0..count).flat_map(|_| [one.next(), other.next()]).flatten().collect()
}

/// The first connection that comes about; the others are given up.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut tries = JoinSet::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            tries.spawn_local(TcpStream::connect(address));
        }
        tokio::select! {
            biased;
            done = tries.join_next(), if !tries.is_empty() => match done {
                Some(Ok(Ok(tcp))) => return Ok(tcp),
                Some(Ok(Err(error))) => failed = error,
                _ => {}
            },
            () = sleep(STAGGER), if !is_last => {}
            else => return Err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::task::LocalSet;
    use tokio::time::timeout;

    use super::{interleaved, race};

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn within_seconds<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let test = async { timeout(Duration::from_secs(10), test).await.unwrap() };
        LocalSet::new().block_on(&runtime, test)
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let wanted = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleaved(given), wanted);
    }

    #[test]
    fn addresses_that_lead_nowhere_cost_a_moment_each() {
        within_seconds(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let good = listener.local_addr().unwrap();
            // The first says nothing at all (RFC 5737), the second refuses.
            let all = [addresses(&["192.0.2.1:9", "127.0.0.1:1"]), vec![good]].concat();
            assert_eq!(race(all).await.unwrap().peer_addr().unwrap(), good);
        });
    }

    #[test]
    fn the_last_failure_is_told_where_no_address_answers() {
        within_seconds(async {
            let error = race(addresses(&["127.0.0.1:1", "127.0.0.1:2"])).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(race(Vec::new()).await.is_err());
        });
    }
}
