//! What the program consists of, for itself and for the simulation of whole nodes, which runs the same code as `serve`.

pub mod command;
