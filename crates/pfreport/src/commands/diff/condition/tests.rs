use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{Condition, ParseError};
use crate::commands::diff::change::{Change, Values};
use crate::commands::diff::comparison::Comparison;
use crate::commands::diff::digest::Digest;
use crate::commands::diff::metric::Metric;
use crate::error::Error;
use crate::rows::group::Group;

fn parse(text: &str) -> Condition {
    text.parse().unwrap()
}

fn digest(name: &str, stall_ns: Option<u64>, faults: u64) -> Digest {
    let all = Group { stall_ns, faults, ..Group::default() };
    Digest { name: name.to_owned(), all: Some(all), length_ns: 1, ..Digest::default() }
}

fn of(base: u64, new: u64) -> Change {
    let value = |value| Values::of([Some(value)].into_iter());
    Change { base: value(base), new: value(new) }
}

#[test]
fn limits_are_changes_with_a_sign_and_values_without() {
    let ms = 1_000_000;
    for (text, base, new, holds) in [
        ("stall > +10%", 100, 110, false),
        ("stall > +10%", 100, 111, true),
        ("stall >= +10 %", 100, 110, true),
        ("stall<-10%", 100, 90, false),
        ("stall<-10%", 100, 89, true),
        ("stall <= -10%", 100, 90, true),
        ("stall > +0%", 100, 101, true),
        ("stall > +5ms", ms, 6 * ms, false),
        ("stall > +5ms", ms, 6 * ms + 1, true),
        ("stall < -0.5ms", ms, ms / 2 - 1, true),
        ("stall > 2s", 0, 2_000 * ms, false),
        ("stall > 2s", 9_000 * ms, 2_000 * ms + 1, true),
        ("p99 < 1.5us", 0, 1_499, true),
        ("max > 1µs", 0, 1_001, true),
        ("length > 1min", 0, 60_000 * ms, false),
        ("length >= 1h", 0, 3_600_000 * ms, true),
        ("faults > 1000", 0, 1_001, true),
        ("faults > +1000", 1, 1_001, false),
        ("faults < -1", 9, 7, true),
        ("touched >= 4KiB", 0, 4_096, true),
        ("touched > +1MiB", 0, 1 << 20, false),
        ("touched > 1GiB", 0, 1 << 31, true),
        ("touched > 1TiB", 0, 1 << 31, false),
        ("touched < 0", 0, 0, false),
        ("failed > 0", 0, 1, true),
        // Rates count in thousandths.
        ("major/s > 500", 0, 500_001, true),
        ("major/s > +1.5", 1_000, 2_500, false),
        // Of nothing, any increase is more than any percentage, and no increase is none.
        ("faults > +900%", 0, 1, true),
        ("faults > +0%", 0, 0, false),
        ("faults >= +1%", 0, 0, false),
        ("faults < -1%", 0, 1, false),
    ] {
        assert_eq!(parse(text).holds(&of(base, new)), holds, "{text}: {base} → {new}");
    }
}

#[test]
fn what_is_no_condition_is_refused_with_a_remedy() {
    let error = |text: &str| text.parse::<Condition>().unwrap_err();
    for text in ["", "stall", "stall +10%", "stall >", "> +10%", "stall = 2s"] {
        assert_eq!(error(text), ParseError::Form, "{text}");
    }
    assert_eq!(error("stal > +10%"), ParseError::Metric("stal".to_owned()));
    for limit in ["ten", "+", "--5", "1.2.3", "1,000", "+x%", "inf", "1e3"] {
        let error = error(&format!("faults > {limit}"));
        assert!(matches!(error, ParseError::Number(_) | ParseError::Unit(..)), "{limit}: {error}");
    }
    assert_eq!(error("stall > 10%"), ParseError::Percent("10%".to_owned()));
    assert_eq!(
        error("stall > 10%").to_string(),
        "a percentage is of the base and has a sign: +10% or -10%"
    );
    for (text, remedy) in [
        ("stall > 5", "give a time, such as 5ms: ns, us, ms, s, min or h"),
        ("stall > 5KiB", "give a time, such as 5ms: ns, us, ms, s, min or h"),
        ("touched > 5M", "give a size, such as 4MiB: B, KiB, MiB, GiB or TiB"),
        ("faults > 5s", "give a plain number"),
    ] {
        assert!(error(text).to_string().ends_with(remedy), "{}", error(text));
    }
    assert!(error("stal > 1s").to_string().ends_with("faults/s, major/s"));
}

#[test]
fn verdicts_have_their_numbers() {
    let base = vec![digest("a", Some(1_310_000_000), 52_000)];
    let new = vec![digest("b", Some(420_000_000), 52_000)];
    let comparison = Comparison::of(base, new);
    let line = |text: &str| parse(text).judge(&comparison).unwrap().line();
    assert_eq!(
        line("stall  >  +10%"),
        "passed: stall > +10%: stall 1.31 s → 420 ms (-890 ms, -68 %)"
    );
    assert_eq!(line("faults >= +0%"), "FAILED: faults >= +0%: faults 52,000 → 52,000 (0, 0 %)");
}

#[test]
fn medians_of_the_runs_are_judged() {
    let runs = |faults: [u64; 3]| faults.map(|faults| digest("r", Some(1), faults)).to_vec();
    let comparison = Comparison::of(runs([100, 9_000, 110]), runs([1, 121, 122]));
    assert!(parse("faults > +10%").judge(&comparison).is_ok_and(|verdict| !verdict.holds));
    assert!(parse("faults > +9%").judge(&comparison).is_ok_and(|verdict| verdict.holds));
}

#[test]
fn what_a_run_does_not_tell_is_not_judged() {
    let side = |stall| vec![digest("a", Some(1), 5), digest("b", stall, 5)];
    let judge = |text: &str, base, new| parse(text).judge(&Comparison::of(side(base), side(new)));
    let Err(Error::NotJudged { condition, metric, trace }) = judge("stall > +1%", None, Some(1))
    else {
        panic!("judged an unknown base");
    };
    assert_eq!((&*condition, metric, &*trace), ("stall > +1%", "stall", "b"));
    assert!(matches!(judge("stall > 1s", Some(1), None), Err(Error::NotJudged { .. })));
    // The new value alone matters here.
    assert!(judge("stall > 1s", None, Some(1)).is_ok_and(|verdict| !verdict.holds));
    assert!(judge("faults > +1%", None, None).is_ok_and(|verdict| !verdict.holds));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(text.parse::<Condition>());
    }

    #[test]
    fn no_limit_panics(metric in 0..Metric::ALL.len(), limit in "[-+.0-9a-zA-Zµ% ]{0,12}") {
        drop(format!("{}>{limit}", Metric::ALL[metric].name()).parse::<Condition>());
    }

    #[test]
    fn percentages_are_judged_exactly(
        base in 1_u32..,
        new in any::<u32>(),
        percent in 0_u32..100_000,
    ) {
        let change = of(u64::from(base), u64::from(new));
        let (base, new, percent) = (u128::from(base), u128::from(new), u128::from(percent));
        let more = parse(&format!("faults > +{percent}%"));
        prop_assert_eq!(more.holds(&change), new * 100 > base * (100 + percent));
        let at_least = parse(&format!("faults >= +{percent}%"));
        prop_assert_eq!(at_least.holds(&change), new * 100 >= base * (100 + percent));
    }

    #[test]
    fn opposites_never_agree(base in any::<u32>(), new in any::<u32>(), limit in any::<i32>()) {
        let change = of(u64::from(base), u64::from(new));
        let holds = |order: &str| parse(&format!("pages {order} {limit:+}")).holds(&change);
        prop_assert!(holds(">") != holds("<="));
        prop_assert!(holds("<") != holds(">="));
    }
}
