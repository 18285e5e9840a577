//! The classes that have a price.

/// Classes of input, before those of output.
pub(super) const INPUTS: usize = 8;
/// Classes of output.
pub(super) const OUTPUTS: usize = 4;
/// All that can be priced, fees and units included.
pub(super) const SLOTS: usize = INPUTS + OUTPUTS + 6;

/// One class of tokens, or a fee; the number is its place in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Slot {
    /// Fresh input.
    Input = 0,
    /// Read from the vendor's cache.
    Cached,
    /// Written to it.
    Write,
    /// Written to it for an hour.
    Write1h,
    /// Audio that was heard.
    Audio,
    /// Audio read from the cache.
    CachedAudio,
    /// Images that were seen.
    Image,
    /// Images read from the cache.
    CachedImage,
    /// Text that was written.
    Output,
    /// Reasoning, where it has a price of its own.
    Reasoning,
    /// Audio that was spoken.
    OutputAudio,
    /// Images that were drawn.
    OutputImage,
    /// The request itself.
    Request,
    /// A search of the web, made by the vendor.
    WebSearch,
    /// A picture, whatever its tokens.
    Picture,
    /// An hour of a recording that was heard.
    AudioHour,
    /// A character that was spoken.
    Character,
    /// A search through documents that the client sent.
    Search,
}

/// Price keys as `genai-prices` names them, with the decimal places that one dollar by that unit has in
/// atto-dollars apiece: 12 for a million, 15 for a thousand, 18 for one. Those of pictures and searches are ours.
pub(super) const KEYS: [(&str, Slot, u32); SLOTS] = [
    ("input_mtok", Slot::Input, 12),
    ("cache_read_mtok", Slot::Cached, 12),
    ("cache_write_mtok", Slot::Write, 12),
    ("cache_write_1h_mtok", Slot::Write1h, 12),
    ("input_audio_mtok", Slot::Audio, 12),
    ("cache_audio_read_mtok", Slot::CachedAudio, 12),
    ("input_image_mtok", Slot::Image, 12),
    ("cache_image_read_mtok", Slot::CachedImage, 12),
    ("output_mtok", Slot::Output, 12),
    ("output_reasoning_mtok", Slot::Reasoning, 12),
    ("output_audio_mtok", Slot::OutputAudio, 12),
    ("output_image_mtok", Slot::OutputImage, 12),
    ("requests_kcount", Slot::Request, 15),
    ("web_searches_kcount", Slot::WebSearch, 15),
    ("output_images_count", Slot::Picture, 18),
    ("input_audio_hours", Slot::AudioHour, 18),
    ("input_mchars", Slot::Character, 12),
    ("document_searches_kcount", Slot::Search, 15),
];

impl Slot {
    /// Whose price holds where this class has none of its own, nearest first.
    pub(super) const fn wider(self) -> &'static [Self] {
        match self {
            Self::Input
            | Self::Output
            | Self::Request
            | Self::WebSearch
            | Self::Picture
            | Self::AudioHour
            | Self::Character
            | Self::Search => &[],
            Self::Cached | Self::Write | Self::Audio | Self::Image => &[Self::Input],
            Self::Write1h => &[Self::Write, Self::Input],
            Self::CachedAudio => &[Self::Cached, Self::Audio, Self::Input],
            Self::CachedImage => &[Self::Cached, Self::Image, Self::Input],
            Self::Reasoning | Self::OutputAudio | Self::OutputImage => &[Self::Output],
        }
    }
}
