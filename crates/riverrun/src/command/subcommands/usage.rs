//! Usage lines and help, laid out as the library that those tools use lays them out.

use super::{Argument, Arguments, Command, CommandLine, Need};

const COLUMNS: usize = 75;

impl Arguments {
    /// The pieces of a usage line.
    pub(super) fn usage(&self) -> Vec<String> {
        let single = self.single.iter().map(|argument| match argument.need {
            Need::Required => argument.with_value(),
            Need::Optional => format!("[{}]", argument.with_value()),
        });
        single.chain(self.usage_of_one()).collect()
    }

    fn usage_of_one(&self) -> Vec<String> {
        let (open, close) = match self.need {
            Need::Required => ("(", ")"),
            Need::Optional => ("[", "]"),
        };
        let last = self.one_of.len().saturating_sub(1);
        let piece = |(at, argument): (usize, &Argument)| {
            let before = if at == 0 { open } else { "" };
            let after = if at == last { close } else { " |" };
            format!("{before}{}{after}", argument.with_value())
        };
        self.one_of.iter().enumerate().map(piece).collect()
    }

    /// What of the tool's options stands before a command's name in its usage line.
    pub(super) fn usage_before_command(&self) -> Vec<String> {
        match self.need {
            Need::Required => self.usage_of_one(),
            Need::Optional => Vec::new(),
        }
    }
}

impl CommandLine {
    pub(super) fn usage(&self) -> String {
        let names: Vec<&str> = self.commands.iter().map(|command| command.name).collect();
        let mut pieces = vec![String::from("[-h]")];
        pieces.extend(self.arguments.usage());
        pieces.push(format!("{{{}}}", names.join(",")));
        pieces.push(String::from("..."));
        self.wrapped(&pieces)
    }

    pub(super) fn usage_of(&self, command: &Command) -> String {
        let mut pieces = self.arguments.usage_before_command();
        pieces.extend([command.name.to_owned(), String::from("[-h]")]);
        pieces.extend(command.arguments.usage());
        self.wrapped(&pieces)
    }

    /// Pieces in lines of 75 columns, the second and later ones indented.
    fn wrapped(&self, pieces: &[String]) -> String {
        let mut text = format!("usage: {}", self.program);
        let indent = text.len();
        let mut column = indent;
        for (at, piece) in pieces.iter().enumerate() {
            if column + 1 + piece.len() > COLUMNS && at > 0 {
                text += "\n";
                text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            }
            text += " ";
            text += piece;
            column += 1 + piece.len();
        }
        text
    }

    pub(super) fn help(&self) -> String {
        let commands = self
            .commands
            .iter()
            .map(|command| (command.name.to_owned(), command.help));
        format!(
            "{}\n\n{}\n\ncommands:\n{}\noptions:\n{}",
            self.usage(),
            self.purpose,
            paragraphs(commands),
            options(self.arguments)
        )
    }

    pub(super) fn help_of(&self, command: &Command) -> String {
        format!("{}\n\noptions:\n{}", self.usage_of(command), options(command.arguments))
    }
}

fn options(arguments: Arguments) -> String {
    let help = (String::from("-h, --help"), "show this help message and exit");
    let all = arguments.all().map(|argument| {
        let short = argument.short.map(|short| format!(", -{short}")).unwrap_or_default();
        (format!("{}{short}", argument.with_value()), argument.help)
    });
    paragraphs(std::iter::once(help).chain(all))
}

fn paragraphs<'a>(items: impl Iterator<Item = (String, &'a str)>) -> String {
    items
        .map(|(name, help)| format!("  {name}\n        {help}\n"))
        .collect()
}
