//! What a future takes as long as it lives: a slow stream has a few, and a gateway thousands of slow streams.

/// Bytes of what a function gives.
pub fn room<A, B, C, F: Future>(_: &impl Fn(A, B, C) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_stream_takes_little_room() {
    use super::{attempt, relay};
    let relaying =
        |run: &'static mut attempt::Running, lease, answer| relay::stream(run, lease, answer);
    assert!(room(&attempt::run) <= 3 * 1024, "{}", room(&attempt::run));
    assert!(room(&relaying) <= 4608, "{}", room(&relaying));
}
