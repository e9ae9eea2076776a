//! The memory node of each page.

use crate::programs::{faults, of_range};
use crate::recording::{AGREED, Lab, Recording, User, is_root};

fn nodes_of(options: &[&str]) -> (Recording, Vec<String>) {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = lab.launch_with(options, &workload).unwrap();
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let all = faults(&recording);
    let touched = of_range(&all, &recording.report.expectations[0]);
    let nodes = touched.into_iter().map(|fault| fault["node"].clone()).collect();
    (recording, nodes)
}

#[test]
fn pages_are_where_the_only_node_is() {
    if !is_root() {
        eprintln!("skipped: needs root, to see physical addresses");
        return;
    }
    let online = std::fs::read_to_string("/sys/devices/system/node/online").unwrap_or_default();
    let Ok(node) = online.trim().parse::<u8>() else {
        eprintln!("skipped: nodes `{}`: which one a page is on is not known", online.trim());
        return;
    };
    let (recording, nodes) = nodes_of(&["--phys"]);
    assert_eq!(nodes, vec![node.to_string(); 256]);
    assert_eq!(recording.content().fact("capture.page_nodes"), Some("yes"));
}

#[test]
fn nodes_are_recorded_on_request_only() {
    let (recording, nodes) = nodes_of(&[]);
    assert_eq!(nodes, vec![String::new(); 256]);
    assert_eq!(recording.content().fact("capture.page_nodes").unwrap_or("no"), "no");
}
