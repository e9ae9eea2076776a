//! Whole pages of hand-made traces.

use pfmodel::names::{Cause, Class, RegionKind};
use pfmodel::table::{Process, Region};
use serde_json::Value;

use super::page::page;
use crate::load::Loaded;
use crate::made_up::{self, HEAP, INLINED, LOOP, MODEL, Row};
use crate::select::Selected;

fn loaded() -> Loaded {
    let mut loaded = made_up::with_code();
    let analysis = &mut loaded.analysis;
    let read = Row {
        time: 2_000_000_000,
        latency: Some(9_000_000),
        class: Class::Major,
        cause: Cause::FileRead,
        mapping: MODEL,
        code: INLINED,
        ..Row::default()
    };
    let touch = |addr| Row { addr, mapping: HEAP, code: LOOP, ..Row::default() };
    for row in [touch(0x100_0000), touch(0x100_1000), read] {
        made_up::push(analysis, row);
    }
    loaded
}

fn document(page: &str) -> Value {
    let json = page.split("<script id=\"data\" type=\"application/json\">").nth(1).unwrap();
    serde_json::from_str(json.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn tables_are_there_without_scripts() {
    let page = page(&loaded(), 10).unwrap();
    for row in [
        "<tr><td class=\"class major\">major</td><td>file-read</td><td class=\"number\" data-order=\"1\">1</td>",
        "<tr><td>/srv/models/model.gguf</td><td>file</td><td class=\"number\" data-order=\"1\">1</td>",
        "<td data-order=\"4242\">4242</td><td>server</td><td class=\"number\" data-order=\"3\">3</td>",
        "<td>Table::touch</td><td>server</td><td>major file-read</td>",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
    let stall = "<td class=\"number\" data-order=\"9000000\" title=\"9,000,000 ns\">9 ms</td>";
    assert!(page.contains(stall), "{page}");
    let document = document(&page);
    assert_eq!(document["summary"]["totals"]["stall_ns"], 9_002_000);
    assert_eq!(document["timeline"]["classes"][0]["faults"][1_000], 1);
    assert_eq!(document["timeline"]["classes"][1]["stall_ns"][0], 2_000);
}

#[test]
fn every_link_of_the_page_leads_somewhere() {
    let mut several = loaded();
    several.damage.push("cut off".to_owned());
    let mut second = several.members[0].clone();
    second.name = "second.pft".to_owned();
    second.offset_ns = several.analysis.duration_ns;
    several.members.push(second);
    for loaded in [loaded(), several] {
        let page = page(&loaded, 10).unwrap();
        let links: Vec<&str> =
            page.split("href=\"#").skip(1).filter_map(|link| link.split('"').next()).collect();
        assert!(links.contains(&"timeline"), "{links:?}");
        for link in links {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link}\n{page}");
        }
    }
}

#[test]
fn the_timeline_is_that_of_the_time_selected() {
    let mut loaded = loaded();
    loaded.selection = Some(Selected {
        what: "from 1.9 s to 2.004 s".to_owned(),
        windows: std::iter::once(1_900_000_000..2_004_000_000).collect(),
    });
    loaded.analysis.faults.retain(&[false, false, true]);
    let timeline = &document(&page(&loaded, 10).unwrap())["timeline"];
    assert_eq!(
        [&timeline["from_ns"], &timeline["length_ns"], &timeline["bin_ns"]],
        [1_900_000_000, 104_000_000, 20_000]
    );
    let major = &timeline["classes"][0];
    assert_eq!(
        (&major["faults"][5_000], major["faults"].as_array().unwrap().len()),
        (&1.into(), 5_200)
    );
    // The fault took 9 ms, of which the window has 4.
    let stall_ns = major["stall_ns"].as_array().unwrap().iter().filter_map(Value::as_u64);
    assert_eq!(stall_ns.sum::<u64>(), 4_000_000);
}

#[test]
fn a_trace_without_faults_has_a_page() {
    let page = page(&made_up::empty(), 10).unwrap();
    assert!(page.contains("<dd><p>0 faults, none lost</p></dd>"), "{page}");
    assert!(!page.contains("<canvas") && !page.contains("<svg"), "{page}");
    assert_eq!(document(&page)["timeline"]["classes"], Value::Array(Vec::new()));
}

#[test]
fn the_page_allows_its_own_scripts_only() {
    let page = page(&loaded(), 10).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert_eq!(policy.matches("'sha256-").count(), 3, "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    // Neither would be obeyed.
    assert!(!page.contains(" style=\"") && !page.contains(" onclick="), "{page}");
}

#[test]
fn names_are_text_everywhere() {
    let planted = "</script><img src=x onerror=alert(1)>\"'&";
    let mut loaded = loaded();
    loaded.name = planted.to_owned();
    let facts = ["target.command", "machine.hostname", "kernel.release", "label.x"];
    loaded.facts = facts.map(|key| (key.to_owned(), planted.to_owned())).into();
    loaded.damage = vec![planted.to_owned()];
    loaded.notes = vec![planted.to_owned()];
    made_up::mark(&mut loaded, 5, planted);
    let analysis = &mut loaded.analysis;
    analysis.comms[0] = planted.into();
    analysis.mappings[MODEL as usize].path = planted.into();
    analysis.regions[HEAP as usize].label = planted.into();
    analysis.locations[LOOP as usize].functions[0].name = planted.into();
    analysis.locations[LOOP as usize].module_label = planted.into();
    let page = page(&loaded, 10).unwrap();
    assert!(!page.contains("<img") && !page.contains("onerror=alert(1)>\""), "{page}");
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script").count(), 3);
    let shown = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;'&amp;";
    assert!(page.matches(shown).count() > 10, "{page}");
    let document = document(&page);
    assert_eq!(document["timeline"]["phases"][0]["name"], planted);
}

#[test]
fn a_page_without_faults_says_why() {
    let none = |loaded: &Loaded| {
        let page = page(loaded, 10).unwrap();
        assert!(!page.contains("id=\"timeline\"") && !page.contains("id=\"pictures\""), "{page}");
        let why = page.split("<section id=\"nothing\"><h2>Nothing to show</h2><p>").nth(1).unwrap();
        why.split("</p>").next().unwrap().to_owned()
    };
    assert_eq!(none(&made_up::empty()), "There are no faults in the trace.");
    let mut damaged = made_up::empty();
    damaged.damage.push("frame 3 is damaged".to_owned());
    assert_eq!(none(&damaged), "There are no faults in what is left of the trace.");
    let mut loaded = loaded();
    assert!(!page(&loaded, 10).unwrap().contains("id=\"nothing\""));
    loaded.analysis.faults.retain(&[false; 3]);
    loaded.selection = Some(Selected { what: "where pid < 5".to_owned(), windows: Vec::new() });
    loaded.analysis.exactness.faults = 3;
    assert_eq!(none(&loaded), "None of the 3 faults of the trace is selected: where pid &lt; 5.");
    loaded.read.is_whole = false;
    assert_eq!(none(&loaded), "None of the faults of the trace is selected: where pid &lt; 5.");
}

#[test]
fn the_page_is_bounded() {
    let mut loaded = loaded();
    let long = |i: u32| format!("/{i}/{}", "name/".repeat(800)).into_bytes();
    for i in 0..2_000 {
        let analysis = &mut loaded.analysis;
        let process = Process { pid: i, ..analysis.processes[0].clone() };
        analysis.processes.push(process);
        analysis.comms.push(long(i));
        let region = analysis.regions.len() as u32;
        analysis.regions.push(Region { kind: RegionKind::File, label: long(i) });
        let (proc, addr) = (i + 1, u64::from(i) * 0x1_0000);
        made_up::push(
            analysis,
            Row { proc, addr, time: u64::from(i) * 5_000_000, ..Row::default() },
        );
        let last = analysis.faults.len() - 1;
        analysis.faults.region[last] = region;
    }
    let page = page(&loaded, super::ROWS).unwrap();
    assert!(page.contains("and 1,951 more: "), "the lists are cut");
    assert!(page.len() < 1_000_000, "{}", page.len());
}
