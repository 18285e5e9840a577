//! Hashed character n-grams: each two, three and four letters of a word that stand side by side count in one of 1,024
//! places, for or against.
//!
//! Source of the hashing: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009.

/// Numbers in a vector.
pub const DIMENSIONS: usize = 1024;
/// What made a vector. It changes with anything below, for vectors of two makers are not comparable.
pub const MODEL_ID: &str = "ngram-1";
const LENGTHS: [usize; 3] = [2, 3, 4];

/// A text's vector, of length one; none where it has neither letter nor digit.
///
/// Capitals, white space and signs make no difference. Cost: some ten microseconds for a question.
pub fn vector(text: &str) -> Option<Vec<f32>> {
    let mut grams: Vec<u64> = Vec::with_capacity(3 * text.len());
    let mut word = String::new();
    for sign in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        if sign.is_alphanumeric() {
            if word.is_empty() {
                word.push(' ');
            }
            word.push(sign);
        } else if !word.is_empty() {
            word.push(' ');
            add_grams(&word, &mut grams);
            word.clear();
        }
    }
    grams.sort_unstable();
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for equal in grams.chunk_by(|a, b| a == b) {
        let Some(&gram) = equal.first() else { continue };
        add(&mut vector, gram, equal.len());
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    (length > 0.0).then(|| vector.iter().map(|value| value / length).collect())
}

/// The hashes of a word's grams; the spaces around it tell its first and last letters from those within.
fn add_grams(word: &str, grams: &mut Vec<u64>) {
    let ends = || word.char_indices().map(|(at, sign)| at + sign.len_utf8());
    for length in LENGTHS {
        let pieces = word.char_indices().zip(ends().skip(length - 1));
        grams.extend(pieces.filter_map(|((from, _), to)| word.get(from..to)).map(hash));
    }
}

/// What stands often counts more, but not as often as it stands.
#[expect(clippy::cast_precision_loss, reason = "a count of letters")]
fn add(vector: &mut [f32], gram: u64, count: usize) {
    let weight = (count as f32).sqrt();
    let place = usize::try_from(gram % DIMENSIONS as u64).unwrap_or(0);
    if let Some(value) = vector.get_mut(place) {
        *value += if gram >> 63 == 0 { weight } else { -weight };
    }
}

/// FNV-1a, with its bits mixed once more: the lowest choose the place, the highest the sign.
fn hash(gram: &str) -> u64 {
    let fnv = gram.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let (a, b) = (vector(a).unwrap(), vector(b).unwrap());
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_same_but_for_capitals_space_and_signs() {
        for (a, b) in [
            ("How do I reset it?", "  how DO\ti reset\n it"),
            ("ÜBER größe", "über GRÖSSE".replace("SS", "ß").as_str()),
            ("東京、天気", "東京 天気"),
        ] {
            assert!((cosine(a, b) - 1.0).abs() < 1e-5, "{a} | {b}");
        }
    }

    #[test]
    fn near_where_letters_are_alike() {
        let question = "How do I reset my password?";
        assert!(cosine(question, "how can I reset my passwords") > 0.75);
        assert!(cosine(question, "What is the capital of France?") < 0.25);
        assert!(cosine("東京の天気", "東京の天気は") > 0.6);
    }

    #[test]
    fn nothing_to_go_by_is_no_vector() {
        for text in ["", " ", "?!…", "\u{1f600}"] {
            assert_eq!(vector(text), None, "{text}");
        }
        assert_eq!(vector("7").map(|it| it.len()), Some(DIMENSIONS));
    }
}
