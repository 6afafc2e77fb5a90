//! Programs of the system that a measurement needs.

use crate::test::install;

/// Whether `program` is there, installed from its Debian package if need be and if we may; says so if it is not.
pub fn provide(program: &str, package: &str) -> bool {
    match install::programs(&[(program, package)]) {
        Ok(()) => true,
        Err(error) => {
            println!("not measured, since {program} is not there: {error:#}");
            false
        }
    }
}
