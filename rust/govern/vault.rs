//! Secrets that must be had again, so that a digest does not do: sealed with AES-256-GCM under the master key.
//!
//! A sealed text is hex of `nonce (12 bytes) | ciphertext | tag (16 bytes)`. Its context is authenticated with it: one
//! that was moved to another's row cannot be opened there.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;

/// Derives the key from the master key, which other things are derived from too.
const PURPOSE: &[u8] = b"sluicegate sealed secrets, 1";

/// A text that cannot be sealed or opened; says nothing of why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret cannot be read: it was sealed under another master key, or changed since")]
pub struct Unreadable;

/// Seals and opens texts under one master key.
pub struct Vault(LessSafeKey);

impl Vault {
    /// Of a master key of any length.
    pub fn new(master: &[u8]) -> Result<Self, Unreadable> {
        let mut mac = Hmac::<Sha256>::new_from_slice(master).map_err(|_| Unreadable)?;
        mac.update(PURPOSE);
        let key = UnboundKey::new(&AES_256_GCM, &mac.finalize().into_bytes());
        key.map(|key| Self(LessSafeKey::new(key))).map_err(|_| Unreadable)
    }

    /// A text sealed for its context, another one each time.
    pub fn seal(&self, context: &str, text: &str) -> Result<String, Unreadable> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Unreadable)?;
        let mut sealed = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Unreadable)?;
        Ok(hex(&nonce) + &hex(&sealed))
    }

    /// What was sealed for this context.
    pub fn open(&self, context: &str, sealed: &str) -> Result<String, Unreadable> {
        let bytes = unhex(sealed).ok_or(Unreadable)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable)?;
        let mut text = rest.to_vec();
        let aad = Aad::from(context.as_bytes());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, aad, &mut text).map_err(|_| Unreadable)?;
        std::str::from_utf8(opened).map(str::to_owned).map_err(|_| Unreadable)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault") // what it holds opens everything
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_in_its_context_under_its_key_alone() {
        let vault = Vault::new(b"one master key").unwrap();
        for text in ["", "sk-secret", "\u{e9}\u{6f22}"] {
            let sealed = vault.seal("openai core", text).unwrap();
            assert_eq!(vault.open("openai core", &sealed).as_deref(), Ok(text));
            assert_eq!(vault.open("openai other", &sealed), Err(Unreadable));
            let other = Vault::new(b"another master key").unwrap();
            assert_eq!(other.open("openai core", &sealed), Err(Unreadable));
            assert_ne!(vault.seal("openai core", text).unwrap(), sealed, "another nonce");
        }
    }

    #[test]
    fn what_was_changed_is_not_opened() {
        let vault = Vault::new(b"one master key").unwrap();
        let sealed = vault.seal("c", "sk-secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(vault.open("c", &changed), Err(Unreadable), "{at}");
        }
        for nothing in ["", "0", "zz", &sealed[..20], &sealed[..sealed.len() - 2]] {
            assert_eq!(vault.open("c", nothing), Err(Unreadable), "{nothing:?}");
        }
    }
}
