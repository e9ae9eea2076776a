use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use super::{Column, Values as _};

fn of(values: &[u32]) -> Column<u32> {
    Column::from(values.to_vec())
}

fn values() -> impl Strategy<Value = Vec<u32>> {
    // Those that are repeated go beyond the end of a chunk.
    let few = prop_oneof![vec(7..8_u32, 0..9), vec(0..3_u32, 0..9)];
    let repeated = |(values, times): (Vec<u32>, usize)| values.repeat(times);
    prop_oneof![few.clone(), (few, 1..2_000_usize).prop_map(repeated)]
}

#[test]
fn equal_values_take_no_memory() {
    let mut column = of(&[4; 5]);
    assert_eq!((column.only(), column.chunks[0].each.capacity()), (Some(4), 0));
    column.append(&mut of(&[4, 4]));
    assert_eq!((column.only(), column.len()), (Some(4), 7));
    column.push(5);
    assert_eq!((column.only(), column.len(), column[6], column[7]), (None, 8, 4, 5));
    column.fill(1);
    assert_eq!((column.only(), column.len()), (Some(1), 8));
    assert_eq!(Column::<u32>::default().only(), None);
}

proptest! {
    #[test]
    fn a_column_is_a_vector(
        first in values(), chunks in vec(values(), 0..4), later in values(), mask in vec(0..2_u8, 0..40), masks in 1..500_usize,
    ) {
        let (mut column, mut expected) = (of(&first), first);
        for chunk in &chunks {
            column.extend(chunk, |&value| value);
            expected.extend(chunk);
        }
        let mut later_column = of(&later);
        column.append(&mut later_column);
        prop_assert_eq!(later_column.len(), 0);
        expected.extend(&later);
        prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(format!("{column:?}"), format!("{expected:?}"));
        for row in (0..=expected.len()).rev().step_by(1 + expected.len() / 20) {
            prop_assert_eq!(column.get(row), expected.get(row));
            let range: Vec<u32> = column.range(row / 2..row).copied().collect();
            prop_assert_eq!(&range, &expected[row / 2..row]);
            let runs: usize = column.runs(row / 2..row).map(super::Run::len).sum();
            prop_assert_eq!(runs, row - row / 2);
        }
        column.change(|value| *value += 1);
        expected.iter_mut().for_each(|value| *value += 1);
        let mask: Vec<bool> = mask.repeat(masks).into_iter().map(|bit| bit == 1).collect();
        column.retain(&mask);
        let mut kept = mask.iter();
        expected.retain(|_| kept.next().is_some_and(|&kept| kept));
        prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected.clone());
        if let Some(last) = expected.len().checked_sub(1) {
            (column[last / 2], expected[last / 2]) = (99, 99);
            (column[last], expected[last]) = (98, 98);
        }
        prop_assert_eq!(column.iter().copied().collect::<Vec<_>>(), expected);
    }
}
