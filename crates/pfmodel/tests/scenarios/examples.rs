//! What the examples of this crate print of golden traces.

use std::path::{Path, PathBuf};

#[expect(dead_code, reason = "its main")]
#[path = "../../examples/print_faults.rs"]
mod print_faults;
#[expect(dead_code, reason = "its main")]
#[path = "../../examples/top_files.rs"]
mod top_files;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

#[test]
fn faults_with_their_meaning() {
    let mut printed = Vec::new();
    print_faults::print(&golden("v1.0-zero-page.pft"), &mut printed).unwrap();
    let expected = include_str!("../golden/print-faults-v1.0-zero-page.txt");
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
}

#[test]
fn the_costliest_files() {
    let mut printed = Vec::new();
    top_files::print(&golden("v1.0-zero-page.pft"), &mut printed).unwrap();
    let expected = "    stall ns  major  faults  file
     4757296      1      35  /usr/lib/x86_64-linux-gnu/libc.so.6
      137991      1      42  /tmp/pf-workload
       27873      0       9  /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
       11434      0       7  /usr/lib/x86_64-linux-gnu/libgcc_s.so.1
        6065      0       1  /etc/ld.so.cache
";
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
}
