//! Chance that can be repeated.

/// Numbers that depend on the seed only.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The chance of one thing of many, whatever becomes of the others.
    #[must_use]
    pub const fn of(seed: u64, number: u32) -> Self {
        let mixed = (seed ^ ((number as u64) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self::new(mixed ^ (mixed >> 29))
    }

    /// From 0 to `sides` - 1.
    pub const fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// One in so many times.
    pub const fn one_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }
}
