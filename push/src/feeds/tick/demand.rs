//! What a node's processors would be used for if nothing were gathered, and what part of the time fan-out gets for that.
//! Pure.

use std::time::Duration;

/// Up to this demand fan-out takes what time it wants.
const EASY: f64 = 0.5;

/// For all processors' worth of demand beyond that, it waits for as long as so many more rounds take.
const STEEP: f64 = 7.0;

/// The smallest part that it gets: one of so many rounds.
const MOST_ROUNDS: f64 = 16.0;

/// What a new reading counts against those before: a step of the load is followed within about a second.
const NEW: f64 = 0.3;

/// Instants that are so late on the average count as a full machine: others use it, or a quota holds the node back.
const LATE_IS_FULL: Duration = Duration::from_millis(20);

/// A demand beyond it is not told apart from it, so that what was measured while a machine slept is soon forgotten.
const MOST: f64 = 10.0;

/// The demand, as of the last readings. 1 is all processors.
#[derive(Debug, Default)]
pub(super) struct Demand(f64);

/// What was measured in some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// All time that processors had.
    pub(super) over: Duration,
    /// What the node used of it.
    pub(super) used: Duration,
    /// What the writes would have taken that gathering saved.
    pub(super) saved: Duration,
    /// How late instants began, on the average.
    pub(super) late: Duration,
}

impl Demand {
    pub(super) fn take(&mut self, reading: &Reading) {
        let over = reading.over.as_secs_f64();
        if over <= 0.0 {
            return;
        }
        let wanted = (reading.used + reading.saved).as_secs_f64() / over;
        let late = reading.late.as_secs_f64() / LATE_IS_FULL.as_secs_f64();
        let demand = (wanted + late.min(1.0)).min(MOST);
        self.0 += (demand - self.0) * NEW;
    }

    /// Whether fan-out may take what it wants.
    pub(super) fn is_easy(&self) -> bool {
        self.0 <= EASY
    }

    /// From one instant to the next, in times that a round takes.
    pub(super) fn rounds(&self) -> f64 {
        let beyond = (self.0 - EASY).max(0.0);
        (1.0 + beyond * STEEP).min(MOST_ROUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node with two processors, the lines that come, and what others leave of the machine.
    struct World {
        sessions: f64,
        /// Lines a second, for each session.
        lines: f64,
        /// What a write really takes, in seconds of a processor; [`COST`] is what the node takes it for.
        write: f64,
        /// Processors that others use.
        others: f64,
        demand: Demand,
        /// The length of a tick, in seconds.
        tick: f64,
        /// How many processors the node uses.
        used: f64,
    }

    const PROCESSORS: f64 = 2.0;
    const COST: f64 = 8e-6;
    const STEP: f64 = 0.2;

    impl World {
        fn new(lines: f64) -> Self {
            Self {
                sessions: 1_000.0,
                lines,
                write: COST,
                others: 0.0,
                demand: Demand::default(),
                tick: 0.002,
                used: 0.0,
            }
        }

        /// 0.2 s pass, and what is measured is `noise` times what is so.
        fn pass(&mut self, noise: f64) {
            let free = (PROCESSORS - self.others).max(0.1);
            // None begins before the last one is over.
            let over = self.sessions * self.write / free;
            let tick = self.sessions * COST / PROCESSORS * self.demand.rounds();
            self.tick = tick.clamp(0.001, 0.2).max(over);
            let writes = self.lines.min(1.0 / self.tick) * self.sessions;
            self.used = (writes * self.write).min(free);
            let due = self.lines * self.sessions;
            let late = if self.used + self.others >= PROCESSORS * 0.95 {
                0.01
            } else {
                0.0
            };
            self.demand.take(&Reading {
                over: Duration::from_secs_f64(PROCESSORS * STEP),
                used: Duration::from_secs_f64(self.used * STEP * noise),
                saved: Duration::from_secs_f64((due - writes).max(0.0) * COST * STEP),
                late: Duration::from_secs_f64(late),
            });
        }

        fn settle(&mut self) {
            (0..30).for_each(|_| self.pass(1.0));
        }

        /// The least and the longest tick of 20 s, in milliseconds.
        fn swings(&mut self, noise: impl Fn(u32) -> f64) -> (f64, f64) {
            let ticks = (0..100).map(|nth| {
                self.pass(noise(nth));
                self.tick * 1e3
            });
            ticks.fold((f64::MAX, 0.0), |(least, most), tick| {
                (least.min(tick), most.max(tick))
            })
        }
    }

    #[test]
    fn below_half_of_the_processors_nothing_is_gathered_and_beyond_it_ever_more() {
        let mut ticks = Vec::new();
        for lines in [1.0, 50.0, 100.0, 200.0, 500.0, 2_000.0] {
            let mut world = World::new(lines);
            world.settle();
            ticks.push((world.tick * 1e3).round() as u64);
        }
        assert_eq!(ticks, [4, 4, 4, 12, 46, 64]);
    }

    #[test]
    fn under_load_fan_out_takes_less_than_what_it_is_given_at_half() {
        let mut world = World::new(500.0);
        world.settle();
        assert!(world.used < PROCESSORS * 0.25, "{} processors", world.used);
    }

    #[test]
    fn steps_of_the_load_are_followed_within_two_seconds_and_hardly_passed_over() {
        let mut world = World::new(50.0);
        world.settle();
        for lines in [500.0, 50.0] {
            let mut settled = World::new(lines);
            settled.settle();
            world.lines = lines;
            let (least, most) = (world.tick.min(settled.tick), world.tick.max(settled.tick));
            for _ in 0..10 {
                world.pass(1.0);
                let within = least * 0.99..most * 1.2;
                assert!(within.contains(&world.tick), "{} s, not {within:?}", world.tick);
            }
            let away = (world.tick / settled.tick).ln().abs();
            assert!(away < 0.1, "{} s, {} s in the end", world.tick, settled.tick);
        }
    }

    #[test]
    fn nothing_swings_though_a_write_costs_twice_or_half_of_what_it_is_taken_for() {
        for write in [COST / 2.0, COST * 2.0] {
            for lines in [50.0, 90.0, 130.0, 200.0, 400.0, 1_000.0] {
                let mut world = World {
                    write,
                    ..World::new(lines)
                };
                world.settle();
                let (least, most) = world.swings(|_| 1.0);
                assert!(
                    most < least * 1.1,
                    "{least} to {most} ms with {lines} lines a second"
                );
            }
        }
    }

    #[test]
    fn noise_is_smoothed() {
        let mut world = World::new(200.0);
        world.settle();
        let (least, most) = world.swings(|nth| if nth % 2 == 0 { 0.7 } else { 1.3 });
        assert!(most < least * 1.3, "{least} to {most} ms");
    }

    #[test]
    fn a_machine_that_others_fill_gathers_more() {
        let mut world = World::new(100.0);
        world.settle();
        let alone = world.tick;
        world.others = 1.8;
        world.settle();
        assert!(world.tick > alone * 4.0, "{} s", world.tick);
        world.others = 0.0;
        world.settle();
        assert!((world.tick - alone).abs() < alone * 0.1);
    }

    #[test]
    fn a_clock_that_jumps_is_forgotten() {
        let mut world = World::new(100.0);
        world.settle();
        let before = world.tick;
        for used in [Duration::MAX / 4, Duration::ZERO] {
            world.demand.take(&Reading {
                over: Duration::from_millis(400),
                used,
                saved: Duration::ZERO,
                late: Duration::from_secs(3_600),
            });
        }
        world.demand.take(&Reading {
            over: Duration::ZERO,
            used: Duration::from_secs(1),
            saved: Duration::ZERO,
            late: Duration::ZERO,
        });
        assert!(world.demand.rounds() <= MOST_ROUNDS);
        (0..20).for_each(|_| world.pass(1.0));
        assert!((world.tick - before).abs() < before * 0.1);
    }
}
