//! Dot products of codes of eight bits, in lines as the processor's cache has them.

/// Codes in a line.
pub const LINE: usize = 64;

/// A line of codes, none of them -128.
#[repr(align(64))]
#[derive(Debug, Clone, Copy)]
pub struct Line(pub [i8; LINE]);

impl Default for Line {
    fn default() -> Self {
        Self([0; LINE])
    }
}

/// Of as many lines as both have. At most 2^16 codes, so that the sum fits.
#[inline]
pub fn dot(a: &[Line], b: &[Line]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        #[expect(unsafe_code, reason = "code for a processor that was asked")]
        return unsafe { dot_avx2(a, b) };
    }
    dot_anywhere(a, b)
}

/// In a third of the time of what the compiler makes of the loop below: it does not know that no code is -128, and so
/// that two products of a code without its sign and one with it fit in sixteen bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_avx2(a: &[Line], b: &[Line]) -> i32 {
    use std::arch::x86_64::{
        __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_abs_epi8,
        _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_load_si256,
        _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_setzero_si256,
        _mm256_sign_epi8,
    };
    let halves = |line: &Line| {
        let half = std::ptr::from_ref(line).cast::<__m256i>();
        // SAFETY: a line is 64 bytes at a multiple of 64: two of these, each at a multiple of its own size.
        #[expect(unsafe_code, reason = "what loads takes a pointer")]
        unsafe {
            [_mm256_load_si256(half), _mm256_load_si256(half.add(1))]
        }
    };
    let mut sums = _mm256_setzero_si256();
    for (a, b) in a.iter().zip(b) {
        for (a, b) in halves(a).into_iter().zip(halves(b)) {
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
    }
    let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

fn dot_anywhere(a: &[Line], b: &[Line]) -> i32 {
    // Products of sixteen bits, added in pairs: what one instruction does.
    let of_lines = |(a, b): (&Line, &Line)| -> i32 {
        a.0.iter().zip(&b.0).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
    };
    a.iter().zip(b).map(of_lines).sum()
}

/// Has what will be read soon on its way from memory, which takes longer than what is done with it.
#[inline]
pub fn prefetch<T>(what: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(what)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: inside of what was given, and nothing is read of it that the program sees.
        #[expect(unsafe_code, reason = "what prefetches takes a pointer")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(what.as_ptr().cast::<i8>().add(line));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of codes that go through -127 to 127 in steps.
    fn lines(count: usize, step: usize) -> Vec<Line> {
        let code = |at: usize| i8::try_from(i64::try_from(at * step % 255).unwrap() - 127).unwrap();
        (0..count).map(|line| Line(std::array::from_fn(|at| code(LINE * line + at)))).collect()
    }

    #[test]
    fn both_ways_count_alike() {
        let greatest = |code| vec![Line([code; LINE]); 16];
        let mut pairs = vec![
            (greatest(127), greatest(127)),
            (greatest(-127), greatest(-127)),
            (greatest(127), greatest(-127)),
            (greatest(-127), lines(16, 1)),
        ];
        pairs.extend([0, 1, 2, 6, 16].map(|count| (lines(count, 37), lines(count, 91))));
        for (a, b) in pairs {
            let codes = a.iter().zip(&b).flat_map(|(a, b)| a.0.iter().zip(&b.0));
            let exact: i64 = codes.map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
            assert_eq!(i64::from(dot(&a, &b)), exact);
            assert_eq!(i64::from(dot_anywhere(&a, &b)), exact);
        }
    }
}
