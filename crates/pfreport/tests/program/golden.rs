//! Texts as they looked when somebody looked at them.

use std::path::Path;

/// Compares with `tests/golden/NAME`; PFT_BLESS=1 rewrites it.
pub fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PFT_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} differs; PFT_BLESS=1 rewrites it", path.display());
}
