//! Where an upstream listens, read once from its base URL.

use http::HeaderValue;
use rustls::pki_types::ServerName;

/// Scheme, host and port of an upstream, with what each request needs of them ready made.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    server_name: Option<ServerName<'static>>,
    authority: HeaderValue,
    base_path: String,
}

/// Why a base URL cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("base_url {url:?}: {reason}")]
pub struct EndpointError {
    url: String,
    reason: String,
}

impl Endpoint {
    /// Reads `http(s)://host[:port][/path]`.
    pub fn parse(base_url: &str) -> Result<Self, EndpointError> {
        let fail =
            |reason: &str| EndpointError { url: base_url.to_owned(), reason: reason.to_owned() };
        let url = url::Url::parse(base_url).map_err(|e| fail(&e.to_string()))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(fail("only http and https are spoken")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fail("credentials do not belong in a URL; use api_key"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail("a query or fragment has no meaning here"));
        }
        let host = url.host_str().ok_or_else(|| fail("it names no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| fail("it names no port"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let server_name = tls
            .then(|| ServerName::try_from(bare.to_owned()))
            .transpose()
            .map_err(|_| fail("the host is no valid TLS name"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            host: bare.to_owned(),
            port,
            server_name,
            authority: HeaderValue::from_str(&authority)
                .map_err(|_| fail("the host cannot stand in a header"))?,
            base_path: url.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Host without brackets, as the resolver wants it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name to prove over TLS; `None` for plain HTTP.
    pub const fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    /// What goes into the `host` header.
    pub const fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// The base URL's path, without a slash at its end.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Whether two endpoints may share connections.
    pub fn same_server(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port && self.server_name == other.server_name
    }
}
