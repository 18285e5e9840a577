//! Reads a request's body within bounds.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::case::Trouble;
use super::floor::Floor;
use crate::drive::after;

/// The most that a client's word about its body's length reserves.
const MAX_RESERVED: u64 = 1024 * 1024;

/// The whole body.
pub(super) async fn read(body: Incoming, floor: &Floor) -> Result<Bytes, Trouble> {
    let until = after(Instant::now(), floor.options.body_timeout);
    tokio::time::timeout_at(until.into(), collect(body, floor.max_body_bytes.get()))
        .await
        .unwrap_or(Err(Trouble::BodyTooSlow))
}

async fn collect(mut body: Incoming, max_bytes: usize) -> Result<Bytes, Trouble> {
    let hint = body.size_hint();
    if hint.lower() > max_bytes as u64 {
        return Err(Trouble::BodyTooLarge);
    }
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if hint.exact() == Some(first.len() as u64) {
        return Ok(first); // most bodies come in one piece
    }
    let mut all = BytesMut::with_capacity(
        usize::try_from(hint.lower().min(MAX_RESERVED)).unwrap_or(0).max(2 * first.len()),
    );
    all.extend_from_slice(&first);
    loop {
        if all.len() > max_bytes {
            return Err(Trouble::BodyTooLarge);
        }
        match next(&mut body).await? {
            Some(data) => all.extend_from_slice(&data),
            None => return Ok(all.freeze()),
        }
    }
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Trouble> {
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Trouble::BodyBroken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {} // trailers say nothing to us
        }
    }
    Ok(None)
}
