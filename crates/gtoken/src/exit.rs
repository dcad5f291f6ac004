//! What an exit code says, to whoever starts the program.

/// Nothing else went wrong than how it was called, which includes a standard output that nobody reads.
pub(crate) const USAGE: u8 = 2;
/// `EX_TEMPFAIL` of sysexits: trying again later may help.
pub(crate) const TRY_AGAIN: u8 = 75;
/// `EX_CONFIG` of sysexits: a person must mend something first.
pub(crate) const NEEDS_PERSON: u8 = 78;
