//! Addresses the services listen on, and the URLs they can be asked at.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// Listens on `address`; `variable` names the setting to change where that fails.
pub(crate) async fn bind(
    address: SocketAddr,
    variable: &'static str,
) -> anyhow::Result<TcpListener> {
    let listener = edge::bind(address, variable).await?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            "{variable}={address} is open to the network, and nobody is asked who they are: \
             put something in front that does, or listen on 127.0.0.1"
        );
    }
    Ok(listener)
}

/// Where a service that listens there can be asked from this machine.
pub(crate) fn url_of(listener: &TcpListener) -> io::Result<String> {
    listener.local_addr().map(url)
}

/// The address, with what stands for "all of this machine's" replaced by one that can be called.
fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests;
