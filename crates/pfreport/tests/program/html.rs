//! The page for browsers.

use std::fs;

use pft::Writer;
use pft::record::{
    Fact, FaultBatch, MarkRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord, Vma,
};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::scene::{FILE, SECOND, START, Scene, push, text, trace_bytes};

/// What a browser would run if it took it for more than text, in each place where a name may stand.
const PLANTED: &str = "</script><script>window.planted=1</script><img src=x onerror=planted=1>";

const HOSTILE_FILE: &str = "<img src=x onerror=planted=1>.pft";

/// Faults of a process of its own, one more than the number of the process before.
fn process(writer: &mut Writer<Vec<u8>>, number: u32, comm: &str, path: &str) {
    let pid = 5_000 + number;
    let task = TaskRecord {
        time_ns: START,
        kind: TaskKind::Present,
        pid,
        tid: pid,
        parent_pid: 0,
        parent_tid: 0,
        comm: comm.as_bytes().to_vec(),
    };
    writer.tasks(&[task]).unwrap();
    let vma = Vma {
        start: FILE,
        end: FILE + 0x10_0000,
        prot: 3,
        shared: false,
        file_offset: 0,
        dev_major: 0,
        dev_minor: 0,
        inode: u64::from(pid),
        path: path.as_bytes().to_vec(),
    };
    let (start_ns, reason) = (START, SnapshotReason::Start);
    let snapshot = Snapshot { pid, start_ns, end_ns: start_ns, reason, vmas: vec![vma] };
    writer.snapshot(&snapshot).unwrap();
    let mut batch = FaultBatch::default();
    for i in 0..=u64::from(number) {
        push(&mut batch, START + 100 + i, FILE + i * 4_096, false);
    }
    batch.columns.pid.fill(pid);
    batch.columns.tid.fill(pid);
    writer.faults(&batch).unwrap();
}

/// The page of a trace with sixteen more processes than that of [`Scene::new`]; one of them, and whatever
/// else has a name, is hostile.
fn crowd() -> Scene {
    let scene = Scene::of(&trace_bytes(50, true, 0, |writer| {
        let fact = |key: &str| Fact { key: key.to_owned(), value: PLANTED.to_owned() };
        let label = format!("label.{PLANTED}");
        writer.host(&["target.command", "machine.hostname", &label].map(fact)).unwrap();
        let name = PLANTED.as_bytes().to_vec();
        writer.marks(&[MarkRecord { time_ns: START + SECOND / 2, name }]).unwrap();
        for number in 0..15 {
            process(writer, number, &format!("worker {number}"), &format!("/srv/{number}.db"));
        }
        process(writer, 15, PLANTED, &format!("/srv/{PLANTED}\u{202e}\x07\"'&"));
    }));
    fs::rename(&scene.trace, scene.path(HOSTILE_FILE)).unwrap();
    let output = scene.run(&[HOSTILE_FILE, "--html=page.html"]);
    // Its ledger knows of one process only.
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    scene
}

/// The document that the page holds.
fn document(page: &str) -> Value {
    let json = page.split("<script id=\"data\" type=\"application/json\">").nth(1).unwrap();
    serde_json::from_str(json.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn the_page_is_written_beside_and_never_over_anything() {
    let scene = Scene::new(50);
    let output = scene.run(&["run.pft", "--html"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(text(&output.stdout), "run.pft.html\n");
    let again = scene.run(&["run.pft", "--html"]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(text(&again.stderr), "error: run.pft.html exists; use -f to replace it\n");
    assert_eq!(scene.run(&["run.pft", "--html=run.pft", "-f"]).status.code(), Some(2));
    assert_eq!(scene.run(&["run.pft", "--html=named.html", "-f"]).status.code(), Some(0));
    let page = fs::read_to_string(scene.path("named.html")).unwrap();
    assert_eq!(page, fs::read_to_string(scene.path("run.pft.html")).unwrap());
    let piped = scene.run(&["run.pft", "--html=-"]);
    assert_eq!((piped.status.code(), text(&piped.stdout)), (Some(0), &*page));
    assert!(!scene.path("-").exists());
    let both = scene.run(&["run.pft", "--html=-", "--json"]);
    assert!(text(&both.stderr).starts_with("error: --json and --html would both go to standard"));

    let document = document(&page);
    let totals = &document["summary"]["totals"];
    assert_eq!([&totals["faults"], &totals["major"]], [52, 2]);
    assert_eq!(totals["stall_ns"], 50 * 700 + 2 * 100_000);
    let timeline = &document["timeline"];
    assert_eq!([&timeline["length_ns"], &timeline["bin_ns"]], [2 * SECOND, 500_000]);
    let major = &timeline["classes"][0];
    assert_eq!([&major["class"], &timeline["classes"][1]["class"]], ["major", "minor"]);
    assert_eq!((&major["faults"][2_000], &major["faults"][2_002]), (&json!(1), &json!(1)));
    assert_eq!(major["stall_ns"][2_002], 100_000);
    let cell = "<td class=\"number\" data-order=\"200000\" title=\"200,000 ns\">200 µs</td>";
    assert!(page.contains(cell), "{page}");
}

#[test]
fn what_is_missing_is_said_loudly() {
    let scene = Scene::with(50, true, 9);
    assert_eq!(scene.run(&["run.pft", "--html"]).status.code(), Some(3));
    let page = fs::read_to_string(scene.path("run.pft.html")).unwrap();
    let verdict = "<p class=\"verdict loud\" role=\"alert\">Not everything is in these figures: records \
                   were lost while recording. ";
    assert!(page.contains(verdict), "{page}");
    assert!(page.contains("<dt class=\"loud\">LOST</dt>"), "{page}");
    assert!(page.contains("<h2>When records were lost</h2>"), "{page}");
    assert_eq!(document(&page)["timeline"]["losses"][0]["records"], 9);
}

#[test]
fn ten_times_the_faults_make_no_larger_page() {
    let length = |faults| {
        let scene = Scene::new(faults);
        assert_eq!(scene.run(&["run.pft", "--html"]).status.code(), Some(0));
        fs::metadata(scene.path("run.pft.html")).unwrap().len()
    };
    let (few, many) = (length(10_000), length(100_000));
    assert!(many < few + 50_000 && many < 400_000, "{few} {many}");
}

#[test]
fn a_browser_sorts_filters_and_zooms() {
    let Some(browser) = Browser::start() else { return };
    let scene = crowd();
    let page = scene.path("page.html");
    browser.open(&page);
    assert_eq!(browser.requests(), [format!("file://{}", page.display())]);

    // The costliest come first; a click shows the largest numbers first, the next the smallest.
    let pids = || browser.texts("#processes tbody td:first-child");
    assert_eq!(pids()[..3], ["4242", "5015", "5014"]);
    let by_pid = "#processes th:nth-child(1) button";
    browser.click(by_pid);
    let downwards: Vec<String> = (0..17)
        .map(|i| if i == 16 { 4_242 } else { 5_015 - i })
        .map(|pid| pid.to_string())
        .collect();
    assert_eq!(pids(), downwards);
    let state = "document.querySelector('#processes th').getAttribute('aria-sort')";
    assert_eq!(browser.value(state), "descending");
    // The enter key.
    browser.keys(by_pid, "\u{e007}");
    let upwards: Vec<String> = downwards.into_iter().rev().collect();
    assert_eq!((pids(), browser.value(state)), (upwards, json!("ascending")));
    browser.click("#processes th:nth-child(2) button");
    assert_eq!(browser.value(state), Value::Null);
    let names = browser.texts("#processes tbody td:nth-child(2)");
    let worker = |name: &String| name.starts_with("worker");
    let names: Vec<&String> = names.iter().filter(|name| worker(name)).collect();
    assert_eq!(names[..3], ["worker 0", "worker 1", "worker 2"]);
    browser.keys("#processes input", "WORKER 12");
    assert_eq!(browser.texts("#processes tbody tr:not([hidden]) td:first-child"), ["5012"]);

    let shown = || browser.texts("#timeline-span").concat();
    let drawing = || browser.value("document.querySelector('canvas').toDataURL()");
    let (all, drawn) = (shown(), drawing());
    assert!(all.starts_with("0.00 s to 2.00 s; one bar is "), "{all}");
    browser.click("[data-zoom=in]");
    assert!(shown().starts_with("0.50 s to 1.50 s; one bar is "), "{}", shown());
    assert_ne!(drawing(), drawn);
    browser.click("[data-zoom=right]");
    assert!(shown().starts_with("0.83 s to 1.83 s; "), "{}", shown());
    browser.keys("canvas", "0");
    assert_eq!(shown(), all);
    assert_eq!(drawing(), drawn);
    // The middle of the drawing is right of the middle of the canvas by half of the difference of its margins.
    browser.mouse("canvas", &[(32 + 1, 0)], false);
    let bar = browser.texts("#timeline-bar").concat();
    assert!(
        bar.starts_with(
            "1.00 s to 1.01 s: faults 2 (major 2); stall 200 µs (major 200 µs); phase "
        ),
        "{bar}"
    );
    browser.mouse("canvas", &[(32 - 100, 10), (32, 12), (32 + 100, 14)], true);
    let room =
        browser.value("document.querySelector('canvas').clientWidth").as_f64().unwrap() - 92.0;
    let words = shown();
    let from: f64 = words.split(' ').next().unwrap().parse().unwrap();
    // A pixel is two milliseconds.
    assert!((from - (1.0 - 100.0 * 2.0 / room)).abs() < 0.004, "{words}");
    browser.value("document.querySelector('canvas').dispatchEvent(new Event('dblclick'))");
    assert_eq!(shown(), all);

    assert_eq!(browser.console(), [""; 0]);
    assert_eq!(browser.requests(), [""; 0]);
}

#[test]
fn hostile_names_are_shown_and_not_run() {
    let Some(browser) = Browser::start() else { return };
    let scene = crowd();
    browser.open(&scene.path("page.html"));
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value("window.planted"), Value::Null);
    assert_eq!(browser.value("document.images.length"), 0);
    assert_eq!(browser.value("document.scripts.length"), 3);
    let title = browser.texts("h1").concat();
    assert!(title.starts_with(&format!("{HOSTILE_FILE}: page faults of {PLANTED}")), "{title}");
    assert!(browser.texts("#processes td").contains(&PLANTED.to_owned()));
    assert!(browser.texts("#phases td").contains(&PLANTED.to_owned()));
    let region = format!("/srv/{PLANTED}\\u{{202e}}\\x07\"'&");
    let regions = browser.texts("#regions td");
    assert!(regions.contains(&region), "{regions:?}");
    browser.mouse("canvas", &[(100, 0)], false);
    // The script's own words hold the name as text.
    let bar = browser.texts("#timeline-bar").concat();
    assert!(bar.contains("; phase </script><script>window.planted=1"), "{bar}");
    assert_eq!(browser.console(), [""; 0]);

    // Even what got into the page would neither run nor leave it.
    browser.value(
        "document.body.append(Object.assign(document.createElement('script'), \
         {textContent: 'window.planted = 1'}))",
    );
    assert_eq!(browser.value("window.planted"), Value::Null);
    assert_eq!(browser.console().len(), 1);
    let fetch = format!(
        "fetch('{}/status', {{mode: 'no-cors'}}).then(() => 'fetched', () => 'refused')",
        browser.address()
    );
    assert_eq!(browser.promised(&fetch), "refused");
}

#[test]
fn phones_and_dark_rooms_are_provided_for() {
    let Some(browser) = Browser::start() else { return };
    let scene = crowd();
    let phone = json!({"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": true});
    browser.devtools("Emulation.setDeviceMetricsOverride", &phone);
    browser.open(&scene.path("page.html"));
    let root = "document.documentElement";
    assert_eq!(browser.value(&format!("{root}.clientWidth")), 390);
    assert_eq!(browser.value(&format!("{root}.scrollWidth")), 390);
    let paper = "getComputedStyle(document.body).backgroundColor";
    let pictures =
        "[...document.querySelectorAll('#picture-heatmap > div')].map(e => e.clientHeight > 0)";
    let light = (json!("rgb(255, 255, 255)"), json!([true, false]));
    let dark = (json!("rgb(22, 25, 30)"), json!([false, true]));
    let now = || (browser.value(paper), browser.value(pictures));
    assert_eq!(now(), light);
    browser.click("#theme");
    assert_eq!(now(), dark);
    let features = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.devtools("Emulation.setEmulatedMedia", &features);
    browser.open(&scene.path("page.html"));
    assert_eq!(now(), dark);
    browser.click("#theme");
    assert_eq!(now(), light);
    assert_eq!(browser.console(), [""; 0]);
}
