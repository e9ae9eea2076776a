//! What `verify`, `recover` and `redact` make of damaged copies.

use std::path::Path;

use pfmodel::Options;
use pfreport::load::Loaded;
use pfreport::run::Outcome;
use pft::Trace;

use crate::reports::one;
use crate::truth::Truth;

/// `verify` calls the file sound if it is what was written, and only then; what `recover` makes of it is sound
/// in its structure and holds nothing that was not there.
///
/// # Errors
/// What was wrong.
pub fn verify_and_recover(path: &Path, is_same: bool, truth: &Truth) -> Result<(), String> {
    let folder = path.parent().ok_or("no folder")?;
    let verified = one(path, folder, "verify TRACE")?;
    if (verified == Some(Outcome::Whole)) != is_same {
        return Err(format!("verify says {verified:?}"));
    }
    let recovered = one(path, folder, "recover TRACE -o OUT/recovered.pft")?;
    if recovered.is_none() {
        return match is_same {
            true => Err("recover refuses it".to_owned()),
            false => Ok(()),
        };
    }
    if is_same && recovered != Some(Outcome::Whole) {
        return Err(format!("recover says {recovered:?}"));
    }
    let copy = folder.join("recovered.pft");
    check_structure(&copy).map_err(|what| format!("recovered: {what}"))?;
    let loaded = Loaded::open(&copy, &Options::default()).map_err(|error| error.to_string())?;
    truth.judge(&loaded).map_err(|what| format!("recovered: {what}"))
}

/// `redact` refuses, or makes a file that is sound in its structure and has no more faults.
///
/// # Errors
/// What was wrong.
pub fn redact(path: &Path, is_same: bool, truth: &Truth) -> Result<(), String> {
    let folder = path.parent().ok_or("no folder")?;
    if one(path, folder, "redact TRACE -o OUT/redacted.pft")?.is_none() {
        return match is_same {
            true => Err("redact refuses it".to_owned()),
            false => Ok(()),
        };
    }
    let copy = folder.join("redacted.pft");
    check_structure(&copy).map_err(|what| format!("redacted: {what}"))?;
    let loaded = Loaded::open(&copy, &Options::default()).map_err(|error| error.to_string())?;
    if loaded.analysis.faults.len() > truth.faults() {
        return Err("redacted: it has more faults than there were".to_owned());
    }
    Ok(())
}

fn check_structure(path: &Path) -> Result<(), String> {
    let trace = Trace::open(path).map_err(|error| error.to_string())?;
    if !trace.is_complete() {
        return Err(format!("{:?}", trace.damage()));
    }
    let report = pft::verify::verify(&trace, 3).map_err(|error| error.to_string())?;
    match report.findings.is_empty() {
        true => Ok(()),
        false => Err(format!("{:?}", report.findings.kept())),
    }
}
