//! Help with a vendor's own prompt cache: marks where a request's beginning has come before.
//!
//! Anthropic keeps what it read up to a block that is marked with `cache_control`, for five minutes from its last use:
//! reading it again costs a tenth or less of its price, writing it a quarter more. So a mark pays where a beginning comes
//! again, and costs where it does not. The gateway remembers which beginnings came lately, and marks those: in the order
//! in which the vendor reads them the tools, the system's words and the messages, each up to the last block that came
//! before; and where a request goes on with one that ended there, its own end, because such a conversation grows; where
//! that leaves room, also the last block of the messages that was marked before. That makes four marks at most, which is
//! what the vendor allows.
//!
//! A request in which the client has marked anything passes as it is. Source:
//! <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>. Bedrock's Converse has the same cache in other
//! words, `cachePoint`, for some of its models.

mod bedrock;
mod blocks;
mod converse;
mod marks;
mod messages;
mod minimum;
mod prompt;
mod seen;

pub use marks::Marks;
pub use minimum::minimum_tokens;
pub use prompt::Prompt;
pub use seen::Seen;

/// Whose cache a request would be kept in, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Who asks: what one tenant has said is no reason to keep what another one says.
    pub tenant: &'a str,
    /// The provider.
    pub provider: &'a str,
    /// Which of its keys: accounts do not share what they keep.
    pub key: &'a str,
    /// The model, by the provider's name: models do not share it either.
    pub model: &'a str,
}
