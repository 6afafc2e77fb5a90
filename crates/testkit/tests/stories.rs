//! Stories of the whole program, told over the raw wire: what a client, an operator or a disk does, and what comes of it.

mod stories {
    mod bad_input;
    mod dynamic_configs;
    mod fetching;
    mod idempotence;
    mod log_dirs;
    mod removal;
    mod serving;
}
