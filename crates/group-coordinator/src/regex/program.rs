//! A regular expression as a machine that is in many places at once: a name costs its length times the program's, at most.

use super::ascii_set::AsciiSet;
use super::named_class;
use super::parser::Expression;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Takes one character and goes on behind.
    Set(AsciiSet),
    /// Goes on in both places.
    Split(usize, usize),
    /// Goes on elsewhere.
    Jump(usize),
    /// Goes on behind if this is so here.
    Assert(Assertion),
    /// The pattern is matched.
    Match,
}

#[derive(Clone, Copy, Debug)]
enum Assertion {
    Begin,
    End,
    WordBoundary,
    NotWordBoundary,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Program(Vec<Step>);

impl Program {
    /// The program of an expression, if it needs no more than `limit` steps.
    pub(super) fn compile(expression: &Expression, limit: usize) -> Option<Self> {
        let mut compiler = Compiler {
            steps: Vec::new(),
            limit,
            visits: 0,
        };
        compiler.expression(expression)?;
        compiler.emit(Step::Match)?;
        Some(Self(compiler.steps))
    }

    /// What runs it, on as many texts as there are.
    pub(super) fn matcher(&self) -> Matcher<'_> {
        Matcher {
            steps: &self.0,
            now: Places::new(self.0.len()),
            next: Places::new(self.0.len()),
        }
    }
}

/// A program and where it is.
pub(super) struct Matcher<'a> {
    steps: &'a [Step],
    now: Places,
    next: Places,
}

impl Matcher<'_> {
    /// Whether it matches the whole text; `None` if that would take more than `budget`, from which the cost is taken.
    pub(super) fn matches(&mut self, text: &[u8], budget: &mut u64) -> Option<bool> {
        let Self { steps, now, next } = self;
        now.clear();
        now.add(steps, 0, text, 0);
        for (at, byte) in text.iter().enumerate() {
            *budget = budget.checked_sub(1 + now.visited.len() as u64)?;
            next.clear();
            for place in &now.visited {
                if let Step::Set(set) = steps[*place]
                    && set.contains(*byte)
                {
                    next.add(steps, place + 1, text, at + 1);
                }
            }
            std::mem::swap(now, next);
            if now.visited.is_empty() {
                return Some(false);
            }
        }
        Some(now.visited.iter().any(|place| matches!(steps[*place], Step::Match)))
    }
}

struct Compiler {
    steps: Vec<Step>,
    limit: usize,
    /// Repetitions of nothing emit nothing, but take time.
    visits: usize,
}

impl Compiler {
    fn emit(&mut self, step: Step) -> Option<usize> {
        if self.steps.len() >= self.limit {
            return None;
        }
        self.steps.push(step);
        Some(self.steps.len() - 1)
    }

    fn expression(&mut self, expression: &Expression) -> Option<()> {
        self.visits += 1;
        if self.visits > 4 * self.limit {
            return None;
        }
        match expression {
            Expression::Set(set) => self.emit(Step::Set(*set)).map(drop),
            Expression::Begin => self.emit(Step::Assert(Assertion::Begin)).map(drop),
            Expression::End => self.emit(Step::Assert(Assertion::End)).map(drop),
            Expression::WordBoundary => self.emit(Step::Assert(Assertion::WordBoundary)).map(drop),
            Expression::NotWordBoundary => self.emit(Step::Assert(Assertion::NotWordBoundary)).map(drop),
            Expression::Concat(items) => items.iter().try_for_each(|item| self.expression(item)),
            Expression::Alternate(items) => self.alternate(items),
            Expression::Repeat { sub, min, max } => self.repeat(sub, *min, *max),
        }
    }

    fn alternate(&mut self, items: &[Expression]) -> Option<()> {
        let Some((last, others)) = items.split_last() else {
            return Some(());
        };
        let mut ends = Vec::new();
        for item in others {
            let split = self.emit(Step::Split(0, 0))?;
            self.expression(item)?;
            ends.push(self.emit(Step::Jump(0))?);
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        self.expression(last)?;
        for end in ends {
            self.steps[end] = Step::Jump(self.steps.len());
        }
        Some(())
    }

    fn repeat(&mut self, sub: &Expression, min: u32, max: Option<u32>) -> Option<()> {
        for _ in 0..min {
            self.expression(sub)?;
        }
        let Some(max) = max else {
            let split = self.emit(Step::Split(0, 0))?;
            self.expression(sub)?;
            self.emit(Step::Jump(split))?;
            self.steps[split] = Step::Split(split + 1, self.steps.len());
            return Some(());
        };
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.emit(Step::Split(0, 0))?);
            self.expression(sub)?;
        }
        for split in splits {
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        Some(())
    }
}

/// The places where the machine is, each once.
struct Places {
    /// In the order in which they were come to.
    visited: Vec<usize>,
    is_visited: Vec<bool>,
    /// To be looked at.
    open: Vec<usize>,
}

impl Places {
    fn new(steps: usize) -> Self {
        Self {
            visited: Vec::new(),
            is_visited: vec![false; steps],
            open: Vec::new(),
        }
    }

    fn clear(&mut self) {
        for place in self.visited.drain(..) {
            self.is_visited[place] = false;
        }
    }

    /// Adds a place, and all that it leads to without a character.
    fn add(&mut self, steps: &[Step], place: usize, text: &[u8], at: usize) {
        self.open.push(place);
        while let Some(place) = self.open.pop() {
            if std::mem::replace(&mut self.is_visited[place], true) {
                continue;
            }
            self.visited.push(place);
            match steps[place] {
                Step::Split(one, other) => self.open.extend([one, other]),
                Step::Jump(to) => self.open.push(to),
                Step::Assert(assertion) if holds(assertion, text, at) => self.open.push(place + 1),
                Step::Assert(_) | Step::Set(_) | Step::Match => {}
            }
        }
    }
}

fn holds(assertion: Assertion, text: &[u8], at: usize) -> bool {
    let word = named_class::perl('w').expect("a class that there is");
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| word.contains(*byte));
    let boundary = || is_word(at.checked_sub(1).and_then(|before| text.get(before))) != is_word(text.get(at));
    match assertion {
        Assertion::Begin => at == 0,
        Assertion::End => at == text.len(),
        Assertion::WordBoundary => boundary(),
        Assertion::NotWordBoundary => !boundary(),
    }
}
