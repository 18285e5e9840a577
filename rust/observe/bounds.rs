//! Upper bounds of histograms' buckets, as numbers and as they are written.

/// The bounds of one kind of histogram, ascending; one more bucket is for what is above them all.
#[derive(Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In the unit that is counted in: tokens, or nanoseconds.
    upper: &'static [u64],
    /// The label `le`, as `OpenMetrics` wants floating-point numbers.
    pub(super) le: &'static [&'static str],
    /// Units in one of what the sum is written in.
    pub(super) scale: Scale,
}

/// What a sum counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Written as it is.
    Whole,
    /// Nanoseconds, written as seconds.
    Seconds,
}

impl Bounds {
    /// Words of a histogram: its buckets and its sum.
    pub(super) const fn words(&self) -> usize {
        self.upper.len() + 2
    }

    /// Which bucket a value falls into; the last one is for all above.
    pub(super) fn bucket(&self, value: u64) -> usize {
        self.upper.partition_point(|upper| *upper < value)
    }

    /// Where the sum stands, behind the buckets.
    pub(super) const fn sum(&self) -> usize {
        self.upper.len() + 1
    }
}

/// Source: OpenTelemetry, "Semantic conventions for generative AI metrics", `gen_ai.client.token.usage`.
/// <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>
pub(super) static TOKENS: Bounds = Bounds {
    upper: &[
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ],
    le: &[
        "1.0",
        "4.0",
        "16.0",
        "64.0",
        "256.0",
        "1024.0",
        "4096.0",
        "16384.0",
        "65536.0",
        "262144.0",
        "1.048576e+06",
        "4.194304e+06",
        "1.6777216e+07",
        "6.7108864e+07",
    ],
    scale: Scale::Whole,
};

const MS: u64 = 1_000_000;

/// Source: as above, `gen_ai.client.operation.duration`.
pub(super) static OPERATION: Bounds = Bounds {
    upper: &[
        10 * MS,
        20 * MS,
        40 * MS,
        80 * MS,
        160 * MS,
        320 * MS,
        640 * MS,
        1280 * MS,
        2560 * MS,
        5120 * MS,
        10_240 * MS,
        20_480 * MS,
        40_960 * MS,
        81_920 * MS,
    ],
    le: &[
        "0.01", "0.02", "0.04", "0.08", "0.16", "0.32", "0.64", "1.28", "2.56", "5.12", "10.24",
        "20.48", "40.96", "81.92",
    ],
    scale: Scale::Seconds,
};

/// Source: as above, `gen_ai.server.time_to_first_token`, whose bounds `gen_ai.client.operation.time_to_first_chunk`
/// shares.
pub(super) static FIRST_CHUNK: Bounds = Bounds {
    upper: &[
        MS,
        5 * MS,
        10 * MS,
        20 * MS,
        40 * MS,
        60 * MS,
        80 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        750 * MS,
        1000 * MS,
        2500 * MS,
        5000 * MS,
        7500 * MS,
        10_000 * MS,
    ],
    le: &[
        "0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25", "0.5", "0.75",
        "1.0", "2.5", "5.0", "7.5", "10.0",
    ],
    scale: Scale::Seconds,
};

/// What the gateway adds is some hundreds of microseconds.
pub(super) static OVERHEAD: Bounds = Bounds {
    upper: &[
        MS / 10,
        MS / 4,
        MS / 2,
        MS,
        5 * MS / 2,
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        1000 * MS,
    ],
    le: &[
        "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
        "0.25", "1.0",
    ],
    scale: Scale::Seconds,
};

/// A vector of letters takes some 20 microseconds, one of a small model ten milliseconds; a provider's is waited for two
/// seconds at most.
pub(super) static VECTOR: Bounds = Bounds {
    upper: &[
        MS / 10,
        MS,
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        1000 * MS,
        2500 * MS,
    ],
    le: &["0.0001", "0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5"],
    scale: Scale::Seconds,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_compared() {
        for bounds in [&TOKENS, &OPERATION, &FIRST_CHUNK, &OVERHEAD, &VECTOR] {
            assert_eq!(bounds.upper.len(), bounds.le.len());
            for (upper, le) in bounds.upper.iter().zip(bounds.le) {
                let unit = if bounds.scale == Scale::Seconds { 1e9 } else { 1.0 };
                #[allow(clippy::cast_precision_loss)] // far below 2^53
                let value = *upper as f64 / unit;
                assert!((le.parse::<f64>().unwrap() - value).abs() < 1e-12, "{le}");
            }
        }
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        for (value, bucket) in [(0, 0), (1, 0), (2, 1), (4, 1), (5, 2), (67_108_865, 14)] {
            assert_eq!(TOKENS.bucket(value), bucket, "{value}");
        }
    }
}
