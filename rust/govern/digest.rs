//! What a credential is looked up by.

use hmac::digest::generic_array::GenericArray;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Digests credentials: HMAC-SHA256 under the master key, so that who reads a store of digests can try none out.
#[derive(Clone)]
pub struct Digester(Hmac<Sha256>);

impl std::fmt::Debug for Digester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digester") // what it holds tells the master key
    }
}

impl Digester {
    /// Digests under a master key of any length.
    pub fn new(master: &[u8]) -> Self {
        // Keys of any length are taken: longer ones are hashed first, so this never fails.
        let keyed = Hmac::new_from_slice(master);
        Self(keyed.unwrap_or_else(|_| Hmac::new(&GenericArray::default())))
    }

    /// The digest of the whole of a credential.
    pub fn digest(&self, credential: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(credential);
        mac.finalize().into_bytes().into()
    }
}
