use std::io;
use std::path::PathBuf;

use super::{Error, Foreign};

fn open(kind: io::ErrorKind) -> Error {
    Error::Open { path: PathBuf::from("a/run.pft"), source: kind.into() }
}

fn write(kind: io::ErrorKind) -> Error {
    Error::Write { path: PathBuf::from("out.csv"), source: kind.into() }
}

#[test]
fn a_wrong_place_is_wrong_usage_and_a_full_disk_a_failure() {
    for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
        assert_eq!((open(kind).exit_code(), write(kind).exit_code()), (2, 2), "{kind}");
    }
    assert_eq!(open(io::ErrorKind::IsADirectory).exit_code(), 2);
    assert_eq!(open(io::ErrorKind::Other).exit_code(), 1);
    assert_eq!(write(io::ErrorKind::StorageFull).exit_code(), 1);
    let closed = Error::Output(io::ErrorKind::BrokenPipe.into());
    assert_eq!(closed.exit_code(), 0);
}

#[test]
fn remedies_name_the_file_that_was_asked_for() {
    let remedy = |error: Error| error.remedy().unwrap();
    let expected = "record one with: pfrecord -o a/run.pft -- COMMAND";
    assert_eq!(remedy(open(io::ErrorKind::NotFound)), expected);
    let error = Error::Foreign { path: PathBuf::from("run.pft.zst"), what: Foreign::Zstd };
    assert_eq!(
        error.to_string(),
        "cannot read run.pft.zst: this is a file compressed with zstd, not a pft trace"
    );
    assert_eq!(remedy(error), "decompress it first: zstd -dc run.pft.zst | pfreport -");
}

#[test]
fn the_nearest_column_is_suggested_and_no_other() {
    let known = ["region", "region_kind", "pid"].map(str::to_owned).to_vec();
    let said = |name: &str| {
        Error::UnknownColumn { name: name.to_owned(), known: known.clone() }.to_string()
    };
    let columns = "the columns are region, region_kind, pid";
    assert_eq!(said("regoin"), format!("no column `regoin`, perhaps `region`; {columns}"));
    assert_eq!(said("xyz"), format!("no column `xyz`; {columns}"));
}

#[test]
fn other_files_are_known_by_their_first_bytes() {
    assert_eq!(Foreign::of(b"PERFILE2\x68\0\0\0"), Some(Foreign::Perf));
    assert_eq!(Foreign::of(b"\x1f\x8b\x08"), Some(Foreign::Gzip));
    assert_eq!(Foreign::of(b"\x89PFT\r\n"), None);
    assert_eq!(Foreign::of(b""), None);
}
