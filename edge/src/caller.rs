//! Who is asking: a principal that an authenticator has put into the request, else the address
//! of the connection. Never a forwarded header: anybody can write one.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;

/// The other end of the connection, put into each request by [`crate::serve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Whose request this is: the key of rate limits, and the owner of idempotency keys and orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// One of our own services; never limited.
    Own,
    /// Authenticated: the tenant or user name.
    Principal(Arc<str>),
    /// Not authenticated: the peer's address.
    Anonymous(IpAddr),
}

impl Caller {
    /// The tenant of everybody who is not authenticated.
    pub const SHARED_TENANT: &'static str = "default";

    /// An authenticator's verdict if there is one in the request, else the peer.
    pub fn of(extensions: &Extensions) -> Caller {
        if let Some(caller) = extensions.get::<Caller>() {
            return caller.clone();
        }
        let peer = extensions.get::<Peer>().map(|peer| peer.0.ip());
        Caller::Anonymous(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// Whose orders and keys these are.
    pub fn tenant(&self) -> &str {
        match self {
            Caller::Principal(name) => name,
            Caller::Own | Caller::Anonymous(_) => Caller::SHARED_TENANT,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Caller, Infallible> {
        Ok(Caller::of(&parts.extensions))
    }
}
