//! Token pools: disjoint, and their sum is what the provider counts in total.

/// One pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Prompt tokens neither read from nor written to a cache.
    Input,
    /// Prompt tokens read from a cache.
    CacheRead,
    /// Prompt tokens written to a cache.
    CacheWrite,
    /// Generated tokens, reasoning not included.
    Output,
    /// Reasoning tokens.
    Reasoning,
    /// Audio tokens, in and out.
    Audio,
    /// Images, in and out, one by one.
    Images,
}

impl Pool {
    /// Every pool, in order of its index.
    pub const ALL: [Pool; 7] = [
        Pool::Input,
        Pool::CacheRead,
        Pool::CacheWrite,
        Pool::Output,
        Pool::Reasoning,
        Pool::Audio,
        Pool::Images,
    ];

    /// The pool's place in arrays of seven.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word used in protos, facts and files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Pool::Input => "input",
            Pool::CacheRead => "cache_read",
            Pool::CacheWrite => "cache_write",
            Pool::Output => "output",
            Pool::Reasoning => "reasoning",
            Pool::Audio => "audio",
            Pool::Images => "images",
        }
    }

    /// What people read in an explanation.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Pool::Input => "input tokens",
            Pool::CacheRead => "cache read tokens",
            Pool::CacheWrite => "cache write tokens",
            Pool::Output => "output tokens",
            Pool::Reasoning => "reasoning tokens",
            Pool::Audio => "audio tokens",
            Pool::Images => "images",
        }
    }
}

/// Tokens of one action by pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// See [`Pool::Input`].
    pub input: u64,
    /// See [`Pool::CacheRead`].
    pub cache_read: u64,
    /// See [`Pool::CacheWrite`].
    pub cache_write: u64,
    /// See [`Pool::Output`].
    pub output: u64,
    /// See [`Pool::Reasoning`].
    pub reasoning: u64,
    /// See [`Pool::Audio`].
    pub audio: u64,
    /// See [`Pool::Images`].
    pub images: u64,
}

impl Tokens {
    /// No tokens.
    pub const ZERO: Tokens =
        Tokens { input: 0, cache_read: 0, cache_write: 0, output: 0, reasoning: 0, audio: 0, images: 0 };

    /// By [`Pool::index`].
    #[must_use]
    pub const fn to_array(self) -> [u64; 7] {
        [self.input, self.cache_read, self.cache_write, self.output, self.reasoning, self.audio, self.images]
    }

    /// By [`Pool::index`].
    #[must_use]
    pub const fn from_array(by_pool: [u64; 7]) -> Self {
        let [input, cache_read, cache_write, output, reasoning, audio, images] = by_pool;
        Self { input, cache_read, cache_write, output, reasoning, audio, images }
    }

    /// Tokens in one pool.
    #[must_use]
    pub const fn of(self, pool: Pool) -> u64 {
        self.to_array()[pool.index()]
    }

    /// The pools that have tokens, in order.
    pub fn used(self) -> impl Iterator<Item = (Pool, u64)> {
        Pool::ALL.into_iter().map(move |pool| (pool, self.of(pool))).filter(|(_, count)| *count > 0)
    }

    /// No pool has any.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}
