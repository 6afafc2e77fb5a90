//! Who of a topic's subscribers gets the next partition, and who gives one up, without sorting them again each time.

/// Two ranges of the members, sorted by load: on the left those with the fewest partitions, which fill up and grow to the
/// right; on the right those with the most, which are emptied and grow to the left. Within a range all are level.
pub(super) struct MemberBalancer {
    /// The members, by load and then by index.
    sorted: Vec<usize>,
    least_end: usize,
    least_level: i64,
    next_least: usize,
    most_start: usize,
    /// Members right of it have nothing to give.
    most_end: usize,
    most_level: i64,
    /// One past the member that gives next.
    next_most: usize,
}

impl MemberBalancer {
    /// A balancer of at least one member. `loads`, here and below, is how many partitions each member has now.
    pub(super) fn new(loads: &[usize], members: &[usize]) -> Self {
        let mut sorted = members.to_vec();
        sorted.sort_by_key(|member| (loads[*member], *member));
        let (first, last) = (level(loads, sorted[0]), level(loads, sorted[sorted.len() - 1]));
        Self {
            least_end: 0,
            least_level: first - 1,
            next_least: 0,
            most_start: sorted.len(),
            most_end: sorted.len(),
            most_level: last + 1,
            next_most: sorted.len(),
            sorted,
        }
    }

    /// How many partitions the most loaded member has more than the least loaded one, before anything moves.
    pub(super) fn imbalance(&self, loads: &[usize]) -> i64 {
        level(loads, self.sorted[self.sorted.len() - 1]) - level(loads, self.sorted[0])
    }

    /// Whether the two ranges are level, or next to it.
    pub(super) fn is_balanced(&self) -> bool {
        self.most_level - self.least_level <= 1
    }

    /// The member that gets the next partition.
    pub(super) fn next_least_loaded(&mut self, loads: &[usize]) -> usize {
        if self.next_least >= self.least_end {
            self.least_level += 1;
            while self.least_end < self.sorted.len() && level(loads, self.sorted[self.least_end]) == self.least_level {
                self.least_end += 1;
            }
            self.next_least = 0;
        }
        self.next_least += 1;
        self.sorted[self.next_least - 1]
    }

    /// The member that gives the next partition; none if no one is left that has any.
    pub(super) fn next_most_loaded(&mut self, loads: &[usize]) -> Option<usize> {
        if self.next_most <= self.most_start {
            if self.most_end <= self.most_start && self.most_start > 0 {
                // Everyone in the range had nothing to give: go on with the next level there is.
                self.most_level = level(loads, self.sorted[self.most_start - 1]);
            } else {
                self.most_level -= 1;
            }
            while self.most_start > 0 && level(loads, self.sorted[self.most_start - 1]) == self.most_level {
                self.most_start -= 1;
            }
            self.next_most = self.most_end;
        }
        if self.next_most == 0 {
            return None;
        }
        self.next_most -= 1;
        Some(self.sorted[self.next_most])
    }

    /// The member that was to give has nothing (of this topic): it leaves the range.
    pub(super) fn exclude_most_loaded(&mut self) {
        self.most_end -= 1;
        self.sorted.swap(self.next_most, self.most_end);
    }
}

fn level(loads: &[usize], member: usize) -> i64 {
    i64::try_from(loads[member]).expect("fewer partitions than that")
}
