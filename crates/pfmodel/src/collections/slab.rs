//! A list whose elements keep their number, and whose places can be used again.

use std::ops::{Deref, DerefMut};

/// Elements by number. Reads as a slice, in which forgotten elements still stand.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    elements: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { elements: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Adds an element; returns its number.
    pub(crate) fn insert(&mut self, element: T) -> u32 {
        let Some(index) = self.free.pop() else {
            self.elements.push(element);
            return (self.elements.len() - 1) as u32;
        };
        if let Some(place) = self.elements.get_mut(index as usize) {
            *place = element;
        }
        index
    }

    /// Forgets all elements that are not marked: `empty` gives back what they hold, and their numbers
    /// are given out anew.
    pub(crate) fn keep(&mut self, marked: &Marks, mut empty: impl FnMut(&mut T)) {
        self.free.clear();
        for (index, element) in (0..).zip(&mut self.elements) {
            if !marked.has(index) {
                empty(element);
                self.free.push(index);
            }
        }
    }

    /// How many elements are not forgotten.
    pub(crate) fn in_use(&self) -> usize {
        self.elements.len() - self.free.len()
    }
}

impl<T> Deref for Slab<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T> DerefMut for Slab<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }
}

/// The elements of a slab that are to be kept.
#[derive(Debug)]
pub(crate) struct Marks(Vec<bool>);

impl Marks {
    /// No mark in a slab.
    pub(crate) fn none_of<T>(slab: &[T]) -> Self {
        Self(vec![false; slab.len()])
    }

    /// Marks a number; whether it is one of the slab that had no mark.
    pub(crate) fn mark(&mut self, index: u32) -> bool {
        let mark = self.0.get_mut(index as usize);
        mark.is_some_and(|mark| !std::mem::replace(mark, true))
    }

    /// Whether a number is marked.
    pub(crate) fn has(&self, index: u32) -> bool {
        self.0.get(index as usize).is_some_and(|&mark| mark)
    }

    /// The numbers that are marked.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.0).filter_map(|(index, &mark)| mark.then_some(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_forgotten_elements_are_used_again() {
        let mut slab = Slab::default();
        for text in ["a", "b", "c"] {
            slab.insert(text.to_owned());
        }
        let mut marks = Marks::none_of(&slab);
        assert!(marks.mark(1) && !marks.mark(1) && !marks.mark(3));
        slab.keep(&marks, String::clear);
        assert_eq!((&slab[..], slab.in_use()), (&["".into(), "b".into(), "".into()][..], 1));
        assert_eq!((slab.insert("d".into()), slab.insert("e".into())), (2, 0));
        assert_eq!((slab.insert("f".into()), slab.in_use()), (3, 4));
    }
}
