//! Chance that is the same each time: SplitMix64 under a seed.

/// A generator. The same seed gives the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

/// What generated names are made of: no vowels, so no words (`kubernetes: apimachinery/pkg/util/rand`).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to below `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low).max(1)
    }

    /// The end of a generated name.
    pub(crate) fn word(&mut self, length: usize) -> String {
        word(self.next(), length)
    }

    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The letters of a number.
pub(crate) fn word(mut number: u64, length: usize) -> String {
    let base = LETTERS.len() as u64;
    let mut text = String::new();
    for _ in 0..length {
        text.push(char::from(LETTERS[usize::try_from(number % base).unwrap_or_default()]));
        number /= base;
    }
    text
}

/// A number that stands for a text (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_same_seed_gives_the_same_history() {
        let history = |seed| {
            let mut chance = Rng::new(seed);
            (chance.word(5), chance.uid(), chance.between(3, 9))
        };
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        assert_eq!(history(7).1.len(), 36);
    }
}
