//! Entries in order of their keys, which mostly come at the end and leave nearly in order.

use alloc::collections::VecDeque;

/// What entries are in order of.
pub(crate) trait Key: Copy + Ord {
    /// Where it stands in a queue that begins with `first`, if none is missing in between and that can be told.
    fn place(self, first: Self) -> Option<usize>;
}

impl Key for u64 {
    fn place(self, first: Self) -> Option<usize> {
        self.checked_sub(first).and_then(|place| usize::try_from(place).ok())
    }
}

impl Key for (u64, u64) {
    fn place(self, _: Self) -> Option<usize> {
        None
    }
}

/// An entry that leaves from the middle leaves a gap, as moving those behind it would cost a part of all that wait. Trees would
/// be a tenth of what a page downloads.
#[derive(Debug)]
pub(crate) struct Sparse<K, V> {
    /// Neither the first nor the last one is a gap, and at most half of them are.
    entries: VecDeque<(K, Option<V>)>,
    gaps: usize,
}

impl<K, V> Default for Sparse<K, V> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), gaps: 0 }
    }
}

impl<K: Key, V> Sparse<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.entries.iter_mut().filter_map(|(key, value)| Some((*key, value.as_mut()?)))
    }

    pub(crate) fn first(&self) -> Option<K> {
        self.entries.front().map(|(key, _)| *key)
    }

    pub(crate) fn last(&self) -> Option<K> {
        self.entries.back().map(|(key, _)| *key)
    }

    /// Of an entry, or the gap that it has left; or else where it would stand.
    fn find(&self, key: K) -> Result<usize, usize> {
        // Mostly none is missing in between.
        let place = self.first().and_then(|first| key.place(first)).unwrap_or(usize::MAX);
        match self.entries.get(place) {
            Some((there, _)) if *there == key => Ok(place),
            _ => self.entries.binary_search_by_key(&key, |(key, _)| *key),
        }
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.entries.get(self.find(key).ok()?)?.1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.entries.get_mut(at)?.1.as_mut()
    }

    /// In place of what is there under this key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.last().is_none_or(|last| last < key) {
            self.entries.push_back((key, Some(value)));
            return;
        }
        match self.find(key) {
            Ok(at) => {
                if let Some((_, there)) = self.entries.get_mut(at)
                    && there.replace(value).is_none()
                {
                    self.gaps -= 1;
                }
            }
            Err(at) => {
                let last = self.entries.len();
                self.entries.push_back((key, Some(value)));
                (at..last).rev().for_each(|at| self.entries.swap(at, at + 1));
            }
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.find(key).ok()?;
        let value = self.entries.get_mut(at)?.1.take()?;
        self.gaps += 1;
        self.close_gaps();
        Some(value)
    }

    /// Gaps go once they come to an end, or are more than half.
    fn close_gaps(&mut self) {
        while let Some((_, None)) = self.entries.front() {
            self.entries.pop_front();
            self.gaps -= 1;
        }
        while let Some((_, None)) = self.entries.back() {
            self.entries.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > self.entries.len() / 2 {
            self.retain(|_, value| Some(value));
        }
    }

    /// What comes back from `keep` stays.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(K, V) -> Option<V>) {
        for _ in 0..self.entries.len() {
            if let Some((key, Some(value))) = self.entries.pop_front()
                && let Some(value) = keep(key, value)
            {
                self.entries.push_back((key, Some(value)));
            }
        }
        self.gaps = 0;
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.gaps = 0;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Any order of 0..97 but the ordinary one.
    fn orders() -> impl Iterator<Item = Vec<u64>> {
        let steps = (1..97).step_by(if cfg!(miri) { 32 } else { 1 });
        steps.map(|step| (0..97).map(|at| at * step % 97).collect())
    }

    #[test]
    fn entries_leave_in_any_order() {
        for order in orders() {
            let mut sparse = Sparse::default();
            (0..97).for_each(|key| sparse.insert(key, ()));
            let mut left: VecDeque<u64> = (0..97).collect();
            for key in order {
                assert_eq!((sparse.remove(key), sparse.remove(key)), (Some(()), None));
                assert!(sparse.get(key).is_none() && sparse.get_mut(key).is_none());
                left.retain(|other| *other != key);
                assert_eq!((sparse.first(), sparse.last()), (left.front().copied(), left.back().copied()));
                assert!(left.iter().all(|key| sparse.get(*key).is_some()));
                assert_eq!(sparse.len(), left.len());
                assert!(sparse.iter().map(|(key, ())| key).eq(left.iter().copied()));
                assert!(sparse.entries.len() <= 2 * left.len(), "gaps are fewer than what waits");
            }
            assert_eq!((sparse.entries.len(), sparse.gaps), (0, 0));
        }
    }

    #[test]
    fn entries_come_in_any_order() {
        for order in orders() {
            let mut sparse = Sparse::default();
            for (count, key) in order.into_iter().enumerate() {
                sparse.insert((key, 0), key);
                assert_eq!((sparse.len(), sparse.get((key, 0))), (count + 1, Some(&key)));
            }
            assert!(sparse.iter().map(|(_, value)| *value).eq(0..97));
        }
    }

    #[test]
    fn an_entry_comes_again_into_its_gap() {
        let mut sparse = Sparse::default();
        (0..9).for_each(|key| sparse.insert(key, 'a'));
        assert_eq!((sparse.remove(4), sparse.get(4)), (Some('a'), None));
        sparse.insert(4, 'b');
        sparse.insert(5, 'b');
        assert_eq!((sparse.len(), sparse.entries.len(), sparse.gaps), (9, 9, 0));
        assert!(sparse.iter().all(|(key, value)| (*value == 'b') == (key == 4 || key == 5)));
    }

    #[test]
    fn what_is_not_kept_goes_with_the_gaps() {
        let mut sparse = Sparse::default();
        (0..9).for_each(|key| sparse.insert(key, key));
        sparse.remove(4);
        sparse.iter_mut().for_each(|(_, value)| *value *= 2);
        sparse.retain(|key, value| (key % 3 > 0).then_some(value));
        assert!(sparse.iter().eq([(1, &2), (2, &4), (5, &10), (7, &14), (8, &16)]));
        assert_eq!((sparse.entries.len(), sparse.gaps), (5, 0));
        sparse.clear();
        assert_eq!((sparse.len(), sparse.first(), sparse.last()), (0, None, None));
    }
}
