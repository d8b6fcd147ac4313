//! What makes a struct of limits settable: a row for each field, with its unit and what it may be.
//!
//! A limit's name, default and documentation are those of the field, in its own crate. The rows name all fields of a
//! struct, and it does not compile while one is missing.

use std::time::Duration;

use super::bounds::Bounds;
use crate::config::ConfigError;

/// A struct of limits.
pub(super) trait Limited {
    /// Shows every limit to `visit`, in the order of the fields.
    fn each(&mut self, visit: &mut dyn Visit) -> Result<(), ConfigError>;

    /// The names of all fields, those that are set elsewhere included.
    #[cfg(test)]
    fn fields(&self) -> &'static [&'static str];
}

/// What is done with limits: they are read from the file, or listed.
pub(super) trait Visit {
    /// One limit.
    fn limit(
        &mut self,
        name: &'static str,
        bounds: Bounds,
        value: &mut dyn Number,
    ) -> Result<(), ConfigError>;

    /// Limits that stand in a table of their own.
    fn group(&mut self, name: &'static str, group: &mut dyn Limited) -> Result<(), ConfigError>;
}

/// A field that holds a limit: how many, how many bytes, how many nanoseconds, or how many millionths.
pub(super) trait Number {
    /// What it is.
    fn get(&self) -> u64;

    /// Makes it another one. What the type cannot hold becomes the most that it can.
    fn set(&mut self, number: u64);
}

impl Number for u64 {
    fn get(&self) -> u64 {
        *self
    }

    fn set(&mut self, number: u64) {
        *self = number;
    }
}

impl Number for u32 {
    fn get(&self) -> u64 {
        (*self).into()
    }

    fn set(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }
}

impl Number for usize {
    fn get(&self) -> u64 {
        u64::try_from(*self).unwrap_or(u64::MAX)
    }

    fn set(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }
}

impl Number for Duration {
    fn get(&self) -> u64 {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }

    fn set(&mut self, number: u64) {
        *self = Self::from_nanos(number);
    }
}

/// How many millionths one is.
pub(super) const MILLIONTHS: f64 = 1e6;

impl Number for f64 {
    fn get(&self) -> u64 {
        (self * MILLIONTHS).round() as u64
    }

    fn set(&mut self, number: u64) {
        *self = number as Self / MILLIONTHS;
    }
}

/// Rows: `field: unit(least, most)`, where the unit is a function of [`Bounds`]; `field: group` for limits within limits;
/// `field: elsewhere(why)` for what is no limit, or is set in another place.
macro_rules! limits {
    ($($name:ident { $($field:ident : $unit:ident $(($($bound:expr),*))?),* $(,)? })*) => { $(
        impl $crate::config::limits::limited::Limited for $name {
            fn each(
                &mut self,
                visit: &mut dyn $crate::config::limits::limited::Visit,
            ) -> Result<(), $crate::config::ConfigError> {
                let $name { $($field),* } = self;
                $($crate::config::limits::limited::limits!(@row visit, $field, $unit $(($($bound),*))?);)*
                Ok(())
            }

            #[cfg(test)]
            fn fields(&self) -> &'static [&'static str] {
                &[$(stringify!($field)),*]
            }
        }
    )* };
    (@row $visit:ident, $field:ident, group) => {
        $visit.group(stringify!($field), $field)?
    };
    (@row $visit:ident, $field:ident, elsewhere($why:expr)) => {
        { let _ = ($field, $why); }
    };
    (@row $visit:ident, $field:ident, $unit:ident($($bound:expr),*)) => {
        $visit.limit(
            stringify!($field),
            $crate::config::limits::bounds::Bounds::$unit($($bound),*),
            $field,
        )?
    };
}

pub(crate) use limits;
