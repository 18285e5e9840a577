//! Rows of one width, by number, in blocks that stay where they are: to grow copies nothing, and leaves at most a block
//! empty where a vector that doubles would leave as much as it holds.

/// Rows in a block. The first alone doubles up to it, for scopes of a few vectors.
const BLOCK: usize = 1024;

/// Rows that grow in number.
#[derive(Debug)]
pub struct Rows<T> {
    width: usize,
    count: usize,
    blocks: Vec<Vec<T>>,
}

impl<T: Clone + Default> Rows<T> {
    pub const fn new(width: usize) -> Self {
        Self { width, count: 0, blocks: Vec::new() }
    }

    /// Adds rows until there are `count`.
    pub fn grow(&mut self, count: usize) {
        while self.count < count {
            if self.count.is_multiple_of(BLOCK) {
                let room = if self.blocks.is_empty() { 1 } else { BLOCK };
                self.blocks.push(Vec::with_capacity(room * self.width));
            }
            if let Some(last) = self.blocks.last_mut() {
                last.resize(last.len() + self.width, T::default());
            }
            self.count += 1;
        }
    }

    pub fn row(&self, number: u32) -> &[T] {
        let (block, from) = self.place(number);
        &self.blocks[block][from..from + self.width]
    }

    pub fn row_mut(&mut self, number: u32) -> &mut [T] {
        let (block, from) = self.place(number);
        &mut self.blocks[block][from..from + self.width]
    }

    /// What is in all rows, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// What the rows take, in bytes.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| size_of::<T>() * block.capacity()).sum()
    }

    const fn place(&self, number: u32) -> (usize, usize) {
        let number = number as usize;
        (number / BLOCK, number % BLOCK * self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_as_their_number_grows() {
        let mut rows = Rows::<u32>::new(3);
        for number in 0..2500_u32 {
            rows.grow(number as usize + 1);
            assert_eq!(rows.row(number), [0; 3]);
            rows.row_mut(number).fill(number);
            rows.grow(number as usize / 2);
        }
        assert!((0..2500).all(|number| rows.row(number) == [number; 3]));
        assert_eq!(rows.iter().count(), 3 * 2500);
    }

    #[test]
    fn room_for_a_block_more_at_most() {
        for (count, most) in [(0, 0), (1, 4), (3, 4), (1000, 1024), (1025, 2048), (3000, 3072)] {
            let mut rows = Rows::<u32>::new(6);
            rows.grow(count);
            assert!(rows.bytes() <= 4 * 6 * most, "{count} rows take {}", rows.bytes());
        }
    }
}
