//! Names of the variants in the lines.

use crate::protocol::{Exactness, OrderKind, Phase};

pub(super) const PHASES: &[(&str, Phase)] = &[("setup", Phase::Setup), ("run", Phase::Run)];
pub(super) const EXACTNESS: &[(&str, Exactness)] = &[
    ("construction", Exactness::Construction),
    ("witness", Exactness::Witness),
    ("at-most", Exactness::AtMost),
];
pub(super) const ORDER_KINDS: &[(&str, OrderKind)] =
    &[("access", OrderKind::Access), ("major", OrderKind::Major), ("minor", OrderKind::Minor)];

/// The name of a variant.
pub(super) fn name_of<T: PartialEq>(choices: &[(&'static str, T)], variant: &T) -> &'static str {
    choices.iter().find(|(_, v)| v == variant).map_or("unknown", |(name, _)| name)
}
