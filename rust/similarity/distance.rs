//! Dot products: of whole numbers for the search, of floats for the last word.

/// Of two codes. At most 2^16 of them, so that the sum fits.
///
/// The compiler makes vector instructions of the loop: those of every `x86_64` processor, or those of AVX2, which take
/// a third of the time, where the processor has them.
pub fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        #[expect(unsafe_code, reason = "code for a processor that was asked")]
        return unsafe { dot_codes_avx2(a, b) };
    }
    dot_codes_anywhere(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_codes_avx2(a: &[i8], b: &[i8]) -> i32 {
    dot_codes_anywhere(a, b)
}

#[inline]
fn dot_codes_anywhere(a: &[i8], b: &[i8]) -> i32 {
    // Products of sixteen bits, added in pairs: what one instruction does.
    a.iter().zip(b).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
}

/// Of two vectors, in eight sums side by side.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_count_alike() {
        for length in [0, 1, 15, 16, 17, 384, 1024] {
            let code = |number: i32| i8::try_from(number % 255 - 127).unwrap_or(0);
            let a: Vec<i8> = (0..length).map(|i| code(i * 37)).collect();
            let b: Vec<i8> = (0..length).map(|i| code(i * 91)).collect();
            let exact: i64 = a.iter().zip(&b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
            assert_eq!(i64::from(dot_codes(&a, &b)), exact);
            assert_eq!(i64::from(dot_codes_anywhere(&a, &b)), exact);
        }
    }

    #[test]
    fn floats_of_any_length() {
        for length in [0_u8, 1, 7, 8, 9, 100] {
            let a: Vec<f32> = (0..length).map(f32::from).collect();
            let exact: f32 = a.iter().map(|a| a * a).sum();
            assert!((dot(&a, &a) - exact).abs() < 1e-3);
        }
    }
}
