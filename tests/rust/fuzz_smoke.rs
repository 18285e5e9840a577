//! The fuzz targets' checks on random input, a bounded number of times, for compilers that cannot fuzz.

use proptest::prelude::*;

#[path = "../../fuzz/checks/body.rs"]
mod body;
#[path = "../../fuzz/checks/sse.rs"]
mod sse;

/// Random bytes between pieces that the format is made of.
fn input(pieces: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        5 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn streams(size in any::<u8>(), wire in input(&[
        b"\n", b"\r", b"\r\n", b"data", b"data:", b"data: x", b"event: e", b"id: 1", b"id:\0", b"retry: 1", b":", b" ", b"\xEF\xBB\xBF",
    ])) {
        sse::check(&[&[size][..], &wire].concat());
    }

    #[test]
    fn bodies(body in input(&[
        b"{", b"}", b"[", b"]", b"\"", b",", b":", b"{\"a\":1", b"\"model\":", b"\"messages\":", b"\"x\"", b"\\", b"\\u00e9", b"\\ud83d\\ude00",
        b"1", b"-", b"0.5", b"e9", b"true", b"null", b" ", b"\n", b"\xC3\xA9", b"stream", b"}}",
    ]), closed in any::<bool>()) {
        let body = if closed { [b"{\"k\":[", &body[..], b"]}"].concat() } else { body };
        body::check(&body);
    }

    #[test]
    fn noise(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        sse::check(&noise);
        body::check(&noise);
    }
}
