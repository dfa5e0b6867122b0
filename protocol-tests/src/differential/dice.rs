//! Draws that a seed decides. Written out here, so that a seed means the same
//! script whatever versions the crates around it have.

/// A stream of numbers (SplitMix64); the same seed gives the same stream.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// A stream for one script of one run.
    pub fn new(seed: u64, script: u64) -> Dice {
        let mut dice = Dice { state: seed };
        dice.state = dice.next().wrapping_add(script);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        let drawn = self.next() % bound as u64;
        usize::try_from(drawn).expect("it is below a usize")
    }

    /// True once in `of` draws.
    pub fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of them.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// One of them, by weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.below(total);
        for (weight, choice) in choices {
            if drawn < *weight {
                return *choice;
            }
            drawn -= weight;
        }
        unreachable!("the weights add up to the total")
    }

    /// A version of that range, both ends included.
    pub fn version(&mut self, min: i16, max: i16) -> i16 {
        min + i16::try_from(self.below(usize::from((max - min).cast_unsigned()) + 1))
            .expect("versions are few")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_script_number_decide_every_draw() {
        let draws = |seed, script| {
            let mut dice = Dice::new(seed, script);
            (0..100).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7, 3), draws(7, 3));
        assert_ne!(draws(7, 3), draws(7, 4));
        assert_ne!(draws(7, 3), draws(8, 3));
    }
}
