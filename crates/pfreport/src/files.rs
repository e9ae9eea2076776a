//! Where traces come from, and where outputs go: files, standard input and standard output.

pub(crate) mod destination;
pub(crate) mod input;
pub(crate) mod new_file;
