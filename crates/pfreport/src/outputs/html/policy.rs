//! What a browser may do with the page.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// The page's style.
pub const STYLE: &str = include_str!("style.css");

/// The page's scripts.
pub const SCRIPTS: [&str; 2] = [include_str!("tables.js"), include_str!("timeline.js")];

/// The content security policy: nothing is fetched from anywhere, and of scripts and styles only those
/// that this program wrote are obeyed, told by their hashes.
pub fn policy() -> String {
    let scripts = SCRIPTS.map(source).join(" ");
    format!(
        "default-src 'none'; script-src {scripts}; style-src {}; base-uri 'none'; form-action 'none'",
        source(STYLE)
    )
}

fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::{SCRIPTS, STYLE, source};

    #[test]
    fn hashes_are_those_of_the_standard() {
        // The example of Content Security Policy Level 3, section 6.7.3.2, has this form.
        let hash = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        assert_eq!(source(""), hash);
    }

    #[test]
    fn nothing_in_them_ends_the_element_that_holds_them() {
        for text in SCRIPTS {
            assert!(!text.contains("</") && !text.contains("<!--"), "{text}");
        }
        assert!(!STYLE.contains('<') && !STYLE.contains("url("));
    }
}
