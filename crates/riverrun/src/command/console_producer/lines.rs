//! The lines of stdin, read by a thread of their own: a read from a terminal cannot be called off.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use tokio::sync::mpsc;

/// Groups of lines that wait to be sent.
const GROUPS: usize = 16;

/// Lines of a group at most.
const GROUP: usize = 512;

/// The longest line, in bytes: longer ones could not be sent.
const LONGEST: u64 = 1 << 30;

/// Lines without their ends, in groups as they come.
pub type Lines = mpsc::Receiver<std::io::Result<Vec<Vec<u8>>>>;

/// Reads stdin to its end; prompts with `>` on a terminal.
pub fn read_stdin() -> Lines {
    let (sender, lines) = mpsc::channel(GROUPS);
    let prompt = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    std::thread::spawn(move || read(std::io::stdin(), prompt.then_some(">"), &sender));
    lines
}

fn read(input: impl Read, prompt: Option<&str>, groups: &mpsc::Sender<std::io::Result<Vec<Vec<u8>>>>) {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut group = Vec::new();
    loop {
        if let Some(prompt) = prompt {
            print!("{prompt}");
            drop(std::io::stdout().flush());
        }
        let ended = match next_line(&mut input) {
            Ok(Some(line)) => {
                group.push(line);
                false
            }
            Ok(None) => true,
            Err(error) => {
                drop(groups.blocking_send(Err(error)));
                return;
            }
        };
        let full = group.len() >= GROUP || input.buffer().is_empty();
        if (full || ended) && !group.is_empty() && groups.blocking_send(Ok(std::mem::take(&mut group))).is_err() {
            return;
        }
        if ended {
            return;
        }
    }
}

fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends() {
        let (sender, mut lines) = mpsc::channel(4);
        read(&b"a\r\n\nb"[..], None, &sender);
        drop(sender);
        let mut all = Vec::new();
        while let Some(group) = lines.blocking_recv() {
            all.extend(group.unwrap());
        }
        assert_eq!(all, [b"a".to_vec(), Vec::new(), b"b".to_vec()]);
    }
}
