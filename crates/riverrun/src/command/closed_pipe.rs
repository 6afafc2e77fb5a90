//! What happens when nobody reads a tool's output any more (`riverrun topics --list | head -1`).

use std::panic;
use std::process;

/// Ends the process quietly where `print!` would panic because stdout is closed: the reader has seen enough, and Kafka's
/// scripts take no notice of it either.
pub fn end_quietly() {
    let otherwise = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to std") && message.contains("Broken pipe") {
            process::exit(0);
        }
        otherwise(info);
    }));
}
