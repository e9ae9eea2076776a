use std::io;

/// What can go wrong when symbols are looked up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {what}")]
    Read {
        /// What was read, for example `an ELF file`.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The file is no ELF file of a class and byte order that is known.
    #[error("not an ELF file")]
    NotElf,
    /// A part of the file contradicts the rest of it.
    #[error("damaged ELF file: {what}")]
    Damaged {
        /// The part, for example `program headers`.
        what: &'static str,
    },
    /// A part of the file is larger than what is read of any file.
    #[error("{what}: {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The part, for example `string table`.
        what: &'static str,
        /// Its size as the file states it.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The kernel shows every address as zero: `kernel.kptr_restrict`, or a missing capability.
    #[error("the kernel hides its addresses (kernel.kptr_restrict, CAP_SYSLOG)")]
    HiddenAddresses,
    /// This process has no vDSO.
    #[error("no vDSO in this process")]
    NoVdso,
}
