//! What a pass did, in numbers.

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CleanerStats {
    /// Bytes read while the keys were noted.
    pub map_bytes_read: u64,
    /// Bytes read while copying.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Records read while copying.
    pub records_read: u64,
    /// Records written.
    pub records_written: u64,
    /// Records dropped because they have no key.
    pub records_without_key: u64,
    /// How full the map became, from 0 to 1.
    pub map_utilization: f64,
}
