//! Another process's clock, as far as the order of sending and receiving tells.
//!
//! What a process did between a cause and an effect that are known here happened between these
//! two moments. Its clock is believed as it is when that fits; otherwise all its moments are moved
//! by the least that makes it fit.

use social_events::Moment;

/// How the moments of another clock are read on this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aligned {
    shift_us: i64,
    cause: Moment,
    effect: Moment,
    foreign: bool,
}

impl Aligned {
    /// Moments from `first` to `last` that happened after `cause` and before `effect`. `foreign`
    /// says that they are another process's.
    #[must_use]
    pub fn between(
        cause: Moment,
        (first, last): (Moment, Moment),
        effect: Moment,
        foreign: bool,
    ) -> Self {
        // A repeated record has its outcome before it is marked as sent: the earlier of the two
        // is then all that is certain.
        let cause = cause.min(effect);
        let least_us = first.micros_until(cause);
        let most_us = last.micros_until(effect);
        let shift_us = if least_us <= most_us {
            0.clamp(least_us, most_us)
        } else {
            // More time passed there than here: one of the clocks was set meanwhile.
            least_us
        };
        Self {
            shift_us,
            cause,
            effect,
            foreign,
        }
    }

    /// A moment of the other clock, on this one: never before its cause, never after its effect.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Moment {
        moment.shifted(self.shift_us).clamp(self.cause, self.effect)
    }

    /// Whether what [`Aligned::at`] tells is not exact.
    #[must_use]
    pub const fn is_approximate(&self) -> bool {
        self.foreign || self.shift_us != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn us(micros: i64) -> Moment {
        Moment::from_micros(micros)
    }

    #[test]
    fn a_clock_that_fits_is_believed() {
        let clock = Aligned::between(us(100), (us(120), us(180)), us(200), true);
        assert_eq!((clock.at(us(120)), clock.at(us(180))), (us(120), us(180)));
        assert!(clock.is_approximate());
        let own = Aligned::between(us(100), (us(120), us(180)), us(200), false);
        assert!(!own.is_approximate());
    }

    #[test]
    fn a_clock_that_is_behind_is_moved_forward_by_the_least_that_fits() {
        let clock = Aligned::between(us(1000), (us(20), us(80)), us(1200), true);
        assert_eq!((clock.at(us(20)), clock.at(us(80))), (us(1000), us(1060)));
    }

    #[test]
    fn a_clock_that_is_ahead_is_moved_back_by_the_least_that_fits() {
        let clock = Aligned::between(us(1000), (us(5020), us(5080)), us(1200), true);
        assert_eq!(
            (clock.at(us(5020)), clock.at(us(5080))),
            (us(1140), us(1200))
        );
    }

    proptest! {
        #[test]
        fn nothing_is_before_its_cause_or_after_its_effect_and_order_is_kept(
            cause in -1_000_000_i64..1_000_000, lasts in 0_i64..1_000_000,
            offset in -10_000_000_000_i64..10_000_000_000,
            mut steps in prop::collection::vec(0_i64..2_000_000, 1..8),
        ) {
            steps.sort_unstable();
            let effect = us(cause + lasts);
            let there: Vec<_> = steps.iter().map(|step| us(cause + offset + step)).collect();
            let ends = (there[0], there[there.len() - 1]);
            let clock = Aligned::between(us(cause), ends, effect, true);
            let here: Vec<_> = there.iter().map(|moment| clock.at(*moment)).collect();
            prop_assert!(here.iter().all(|moment| (us(cause)..=effect).contains(moment)));
            prop_assert!(here.is_sorted());
            // What fits keeps its durations to the microsecond.
            if ends.0.micros_until(ends.1) <= lasts {
                for (one, other) in there.iter().zip(&here) {
                    prop_assert_eq!(one.micros_until(ends.1), other.micros_until(clock.at(ends.1)));
                }
            }
        }
    }
}
