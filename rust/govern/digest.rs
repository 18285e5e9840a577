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

#[cfg(test)]
mod tests {
    use super::*;

    /// Who compares digests, and how long, tells nothing about a key: one that is right but for its end has a digest
    /// as far from the right one as any other. Of 256 fair bits 128 differ, give or take 8; these are fixed.
    #[test]
    fn au_04_a_right_beginning_leads_no_nearer_to_a_digest() {
        let digester = Digester::new(b"a master key of the test, 32 bytes");
        let key: Vec<u8> = (b'!'..b'!' + 64).collect();
        let right = digester.digest(&key);
        for same in 0..key.len() {
            for other in *b"0Az~" {
                let mut guess = key.clone();
                if let Some(rest) = guess.get_mut(same..) {
                    rest.fill(other);
                }
                if guess == key {
                    continue;
                }
                let digest = digester.digest(&guess);
                let apart: u32 = right.iter().zip(digest).map(|(a, b)| (a ^ b).count_ones()).sum();
                assert!((80..=176).contains(&apart), "{same} bytes right: {apart} bits apart");
                let alike = right.iter().zip(digest).take_while(|(a, b)| **a == *b).count();
                assert!(alike <= 2, "{same} bytes right: {alike} bytes of the digest too");
            }
        }
    }
}
