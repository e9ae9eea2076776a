use pft::keys::{fact, ledger};

use crate::commands::diff::comparison::Comparison;
use crate::commands::diff::comparison::tests::{compare, run};
use crate::commands::diff::digest::Digest;
use crate::load::Loaded;
use crate::made_up::{self, Row};
use crate::rows::group::Group;

fn lines(comparison: &Comparison) -> Vec<String> {
    comparison.doubts.iter().map(super::Difference::line).collect()
}

fn with(name: &str, facts: &[(&str, &str)]) -> Loaded {
    let mut loaded = run(name, 1, 0, 10);
    loaded.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    loaded
}

#[test]
fn runs_alike_leave_no_doubt() {
    let facts =
        [(fact::KERNEL_RELEASE, "6.18"), (fact::TARGET_PIDS, "1"), (fact::TARGET_KIND, "command")];
    let other =
        [(fact::KERNEL_RELEASE, "6.18"), (fact::TARGET_PIDS, "2"), (fact::TARGET_KIND, "command")];
    assert_eq!(lines(&compare(vec![with("a", &facts)], vec![with("b", &other)])), [""; 0]);
    // Nor does what one side does not tell.
    assert_eq!(lines(&compare(vec![with("a", &facts)], vec![with("b", &facts[2..])])), [""; 0]);
}

#[test]
fn each_difference_is_a_line_with_both_values() {
    for (key, base, new, line) in [
        (fact::KERNEL_RELEASE, "6.18", "6.12", "kernel: base 6.18, new 6.12"),
        (fact::KERNEL_VERSION, "#1", "#2", "kernel build: base #1, new #2"),
        (fact::MACHINE_HOSTNAME, "db-7", "db\x1b8", "host: base db-7, new db\\x1b8"),
        (fact::MACHINE_ARCH, "x86_64", "aarch64", "architecture: base x86_64, new aarch64"),
        (fact::MACHINE_CPUS, "8", "16", "CPUs: base 8, new 16"),
        (fact::MACHINE_MEMORY_BYTES, "17179869184", "8589934592", "memory: base 16 GiB, new 8 GiB"),
        (fact::VM_THP_ENABLED, "always", "never", "transparent huge pages: base always, new never"),
        (fact::VM_SWAPPINESS, "60", "0", "swappiness: base 60, new 0"),
        (fact::VM_SWAP_TOTAL_BYTES, "0", "1073741824", "swap space: base 0 B, new 1 GiB"),
        (fact::TARGET_COMMAND, "serve", "serve -x", "command: base serve, new serve -x"),
        (fact::TARGET_EXIT_STATUS, "0", "1", "exit status: base 0, new 1"),
        (fact::TARGET_KIND, "command", "system", "target: base a command, new all tasks"),
        (fact::TARGET_FOLLOW, "yes", "no", "processes that the target creates: base yes, new no"),
        (fact::PFT_VERSION, "0.1", "0.2", "version of the recorder: base 0.1, new 0.2"),
        (fact::CAPTURE_PRIVILEGED, "yes", "no", "privileges of the recorder: base yes, new no"),
        (fact::CAPTURE_LATENCY, "yes", "no", "latencies recorded: base yes, new no"),
        (fact::CAPTURE_MAJOR_ONLY, "no", "yes", "major faults only: base no, new yes"),
        (
            fact::CAPTURE_USER_ONLY,
            "no",
            "yes",
            "faults in kernel mode: base recorded, new left out on request",
        ),
        (fact::CAPTURE_MIN_LATENCY_NS, "0", "1000000", "minimum latency: base none, new 1 ms"),
        (
            fact::CAPTURE_CALL_GRAPH,
            "fp",
            "dwarf",
            "call chains: base by frame pointers, new from copies of stacks",
        ),
        (
            fact::FLIGHT_WINDOW_NS,
            "",
            "30000000000",
            "window of a flight recorder: base none, new 30 s",
        ),
        (
            fact::LATENCY_BIAS_NS,
            "500",
            "700",
            "recording adds to a latency: base 500 ns, new 700 ns (part of every latency)",
        ),
    ] {
        let comparison = compare(vec![with("a", &[(key, base)])], vec![with("b", &[(key, new)])]);
        assert_eq!(lines(&comparison), [line]);
    }
    let close = [(fact::LATENCY_BIAS_NS, "600")];
    let near = [(fact::LATENCY_BIAS_NS, "700")];
    let far = [(fact::LATENCY_BIAS_NS, "900")];
    assert_eq!(lines(&compare(vec![with("a", &close)], vec![with("b", &near)])), [""; 0]);
    let sides = [["a", "b", "c"], ["d", "e", "f"]];
    let spread = sides
        .map(|names| vec![with(names[0], &close), with(names[1], &near), with(names[2], &far)]);
    let [base, new] = spread;
    assert_eq!(lines(&compare(base, new)), [""; 0]);
}

#[test]
fn a_release_stands_for_its_build() {
    let kernel = |release, build| [(fact::KERNEL_RELEASE, release), (fact::KERNEL_VERSION, build)];
    let (base, new) = (with("a", &kernel("6.18", "#1")), with("b", &kernel("6.12", "#2")));
    assert_eq!(lines(&compare(vec![base], vec![new])), ["kernel: base 6.18, new 6.12"]);
}

#[test]
fn labels_are_no_doubt() {
    let base = with("a", &[("label.release", "1.3"), ("label.host\x1b", "x")]);
    let new = with("b", &[("label.release", "1.4"), ("label.host\x1b", "x"), ("label.y", "1")]);
    let comparison = compare(vec![base], vec![new]);
    assert_eq!(lines(&comparison), [""; 0]);
    let labels: Vec<String> = comparison.labels.iter().map(super::Difference::line).collect();
    assert_eq!(labels, ["release: base 1.3, new 1.4", "y: base none, new 1"]);
}

#[test]
fn a_run_that_got_longer_though_faults_stalled_it_less_waits_elsewhere() {
    let ended = |name, major, tenths: u64| {
        let mut loaded = run(name, 1, major, 10);
        loaded.facts.insert(fact::RECORDING_ENDED_BY.to_owned(), "target".to_owned());
        loaded.analysis.duration_ns = tenths * 100_000_000;
        loaded
    };
    let of = |base, new| lines(&compare(base, new));
    let doubt = "length: base 1 s, new 1.3 s (longer, though faults stalled it less: it may wait where no \
                 fault tells)";
    assert_eq!(of(vec![ended("a", 3, 10)], vec![ended("b", 2, 13)]), [doubt]);
    // Not by more than a quarter; stalled as much; shorter; and in some of the runs only.
    assert_eq!(of(vec![ended("a", 3, 10)], vec![ended("b", 2, 12)]), [""; 0]);
    assert_eq!(of(vec![ended("a", 3, 10)], vec![ended("b", 3, 13)]), [""; 0]);
    assert_eq!(of(vec![ended("a", 2, 13)], vec![ended("b", 3, 10)]), [""; 0]);
    let runs = vec![ended("b", 2, 13), ended("c", 2, 12)];
    assert_eq!(of(vec![ended("a", 3, 10)], runs), [""; 0]);
}

#[test]
fn faults_that_only_the_accounting_has_are_a_doubt_where_they_differ() {
    let of = |base, new| {
        let [base, new] = [("a", base), ("b", new)].map(|(name, unseen)| {
            let mut loaded = with(name, &[(fact::TARGET_KIND, "command")]);
            let count = |key: &str, value: u64| (key.to_owned(), value);
            loaded.ledger = [
                count(ledger::CAPTURED_MINOR, 10),
                count(ledger::RUSAGE_MINOR_FAULTS, 10_u64 + unseen),
            ]
            .into();
            loaded
        });
        lines(&compare(vec![base], vec![new]))
    };
    // There are ten faults a side.
    assert_eq!(of(2, 3), [""; 0]);
    let doubt = |base, new| {
        [format!(
            "faults that only rusage counts, at least: base {base}, new {new} (memory populated or locked, say: \
             how long that took is in the length alone)"
        )]
    };
    assert_eq!(of(0, 2), doubt("0", "2"));
    assert_eq!(of(8_000, 3), doubt("8,000", "3"));
}

#[test]
fn runs_of_one_side_can_differ_as_well() {
    let cpus = |name, cpus| with(name, &[(fact::MACHINE_CPUS, cpus)]);
    let comparison =
        compare(vec![cpus("a", "8"), cpus("b", "4"), cpus("c", "8")], vec![cpus("d", "8")]);
    assert_eq!(lines(&comparison), ["CPUs: base 4 or 8, new 8"]);
}

#[test]
fn missing_faults_and_the_same_trace_come_first() {
    let mut lossy = run("b", 1, 0, 10);
    lossy.analysis.exactness.complete = false;
    lossy.damage.push("frame 3 is damaged".to_owned());
    let doubt = "faults: base all there, new the file is damaged, the recording did not end in order (b) \
                 (faults may be missing)";
    assert_eq!(lines(&compare(vec![run("a", 1, 0, 10)], vec![lossy])), [doubt]);
    let twice = compare(vec![run("a", 1, 0, 10)], vec![run("c", 1, 0, 10), run("a", 1, 0, 10)]);
    assert_eq!(lines(&twice), ["recording: base a, new a (the same one)"]);
}

#[test]
fn how_long_was_watched_matters_unless_the_target_ended() {
    let long = |name, ended_by, seconds: u64| {
        let mut run = with(name, &[(fact::RECORDING_ENDED_BY, ended_by)]);
        run.analysis.duration_ns = seconds * 1_000_000_000;
        run
    };
    let of = |ended_by, base, new| {
        lines(&compare(vec![long("a", ended_by, base)], vec![long("b", ended_by, new)]))
    };
    let doubt = "length: base 10 s, new 13 s (totals grow with it; see the rates)";
    assert_eq!(of("signal", 10, 13), [doubt]);
    assert_eq!(of("signal", 10, 12), [""; 0]);
    assert_eq!(of("target", 10, 13), [""; 0]);
}

#[test]
fn a_file_that_only_one_side_had_to_read_is_named() {
    let cached = |name| {
        let mut loaded = run(name, 1, 1, 10);
        let faults = &mut loaded.analysis.faults;
        faults.class[0] = pfmodel::names::Class::Minor;
        faults.cause[0] = pfmodel::names::Cause::FileCached;
        faults.latency_ns[0] = 1_000;
        loaded
    };
    let doubt = |base, new| {
        [format!(
            "faults that read /srv/models/model.gguf from storage: base {base}, new {new} (a cold page \
             cache against a warm one?)"
        )]
    };
    let of = |base: Loaded, new: Loaded| lines(&compare(vec![base], vec![new]));
    assert_eq!(of(run("a", 1, 20, 10), cached("b")), doubt(20, 0));
    assert_eq!(of(cached("a"), run("b", 1, 20, 10)), doubt(0, 20));
    assert_eq!(of(run("a", 1, 20, 10), run("b", 1, 2, 10)), doubt(20, 2));
    assert_eq!(of(run("a", 1, 20, 10), run("b", 1, 3, 10)), [""; 0]);
    // One read of 100 µs is much among 10 faults of 1 µs, and little among 10,000.
    assert_eq!(of(run("a", 1, 1, 10), cached("b")), doubt(1, 0));
    assert_eq!(of(run("a", 1, 1, 10_000), cached("b")), [""; 0]);
    // A file that the other side did not use.
    assert_eq!(of(run("a", 1, 20, 10), run("b", 1, 0, 10)), [""; 0]);
}

#[test]
fn what_is_known_of_few_faults_is_said() {
    let partly = |name, known: u64| {
        let mut loaded = run(name, 1, 0, 0);
        for i in 0..10 {
            let latency = (i < known).then_some(1_000);
            made_up::push(&mut loaded.analysis, Row { latency, ..Row::default() });
        }
        loaded
    };
    let of = |base, new| lines(&compare(vec![partly("a", base)], vec![partly("b", new)]));
    assert_eq!(of(10, 8), ["latency known: base 100 % of 10 faults, new 80 % of 10 faults"]);
    assert_eq!(of(10, 9), [""; 0]);
    let named = |name: &str, faults: u64, known: &str| {
        let group = Group { faults, ..Group::default() };
        let mut digest =
            Digest { name: name.into(), all: Some(group.clone()), ..Digest::default() };
        digest.id[0] = name.as_bytes()[0];
        digest.sections[3] = [(vec![known.to_owned(), "server".to_owned()], group)].into();
        digest
    };
    let comparison = Comparison::of(vec![named("a", 5, "main")], vec![named("b", 4, "[unknown]")]);
    assert_eq!(lines(&comparison), ["function known: base 100 % of 5 faults, new 0 % of 4 faults"]);
}

#[test]
fn thresholds_that_tell_causes_apart_are_said() {
    let limit = |name, ns| {
        let mut loaded = run(name, 1, 0, 10);
        loaded.analysis.slow_threshold_ns = ns;
        loaded
    };
    let of = |base, new| lines(&compare(vec![limit("a", base)], vec![limit("b", new)]));
    assert_eq!(
        of(20_000, 40_000),
        [
            "threshold of slow minor faults: base 20 µs, new 40 µs (what tells file-wait from file-cached; \
          --slow-threshold sets it for all)"
        ]
    );
    assert_eq!(of(20_000, 39_999), [""; 0]);
}
