//! A command line with commands, as Kafka's newer tools read it: options of the tool, a command, options of the command.
//! Usage lines and refusals are in the words of the library that those tools use.

mod reading;
mod usage;

use reading::{Until, complete, read};

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// Any text; the last one counts.
    Text,
    /// Any text, as often as it is given.
    Texts,
    /// A number of 32 bits.
    Integer,
}

/// Whether an option must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It need not.
    Optional,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// The name, without dashes.
    pub name: &'static str,
    /// The short form, if there is one.
    pub short: Option<char>,
    /// What follows it.
    pub takes: Takes,
    /// Whether it must be given.
    pub need: Need,
    /// The help.
    pub help: &'static str,
}

/// An option that need not be given.
pub const fn optional(name: &'static str, takes: Takes, help: &'static str) -> Argument {
    Argument {
        name,
        short: None,
        takes,
        need: Need::Optional,
        help,
    }
}

impl Argument {
    /// The same with a short form.
    pub const fn or(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }

    /// The same, but it must be given.
    pub const fn required(self) -> Self {
        Self {
            need: Need::Required,
            ..self
        }
    }

    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("--{}/-{short}", self.name),
            None => format!("--{}", self.name),
        }
    }

    fn with_value(&self) -> String {
        match self.takes {
            Takes::Nothing => format!("--{}", self.name),
            Takes::Text | Takes::Texts | Takes::Integer => {
                format!("--{} {}", self.name, self.name.to_uppercase().replace('-', "_"))
            }
        }
    }
}

/// Options: each by itself, then those of which only one may be given.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// Each by itself.
    pub single: &'static [Argument],
    /// Only one of these.
    pub one_of: &'static [Argument],
    /// Whether one of these must be given.
    pub need: Need,
}

impl Arguments {
    /// No options.
    pub const NONE: Self = Self::of(&[]);

    /// Options each by itself.
    pub const fn of(single: &'static [Argument]) -> Self {
        Self {
            single,
            one_of: &[],
            need: Need::Optional,
        }
    }

    fn all(&self) -> impl Iterator<Item = &'static Argument> + Clone {
        self.one_of.iter().chain(self.single)
    }
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Its options.
    pub arguments: Arguments,
}

/// A tool with commands.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine {
    /// The name in usage lines.
    pub program: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The options before the command.
    pub arguments: Arguments,
    /// The commands.
    pub commands: &'static [Command],
}

/// What was given.
#[derive(Debug)]
pub struct Given {
    /// The command.
    pub command: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Given {
    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value of an option, the last if it was given twice.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().rfind(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of an option.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let found = self.values.iter().filter(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of an option that is a number.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.value(name)?.parse().ok()
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// To be done.
    Command(Given),
    /// Help, to be shown.
    Help(String),
}

/// Why a command line is refused.
#[derive(Debug)]
pub struct Refused {
    /// The usage line.
    pub usage: String,
    /// What is wrong.
    pub error: String,
}

impl CommandLine {
    /// Reads a command line. `entrance` says whether one of the addresses must be given.
    pub fn parse(&self, args: &[String], entrance: Need) -> Result<Parsed, Refused> {
        let refused = |error: String| Refused {
            usage: self.usage(),
            error,
        };
        let mut values = Vec::new();
        let rest = match read(self.arguments, args, Until::Command, &mut values).map_err(refused)? {
            Some(rest) => rest,
            None => return Ok(Parsed::Help(self.help())),
        };
        let Some((name, rest)) = rest.split_first() else {
            return Err(refused(String::from("too few arguments")));
        };
        let Some(command) = self.commands.iter().find(|command| command.name == name) else {
            return Err(refused(self.no_such_command(name)));
        };
        let refused_by_command = |error: String| Refused {
            usage: self.usage_of(command),
            error,
        };
        if read(command.arguments, rest, Until::End, &mut values)
            .map_err(refused_by_command)?
            .is_none()
        {
            return Ok(Parsed::Help(self.help_of(command)));
        }
        complete(command.arguments, &values, entrance).map_err(refused_by_command)?;
        complete(self.arguments, &values, entrance).map_err(refused)?;
        Ok(Parsed::Command(Given {
            command: command.name,
            values,
        }))
    }

    fn no_such_command(&self, name: &str) -> String {
        let names: Vec<String> = self.commands.iter().map(|known| format!("'{}'", known.name)).collect();
        format!("invalid choice: '{name}' (choose from {})", names.join(", "))
    }
}

#[cfg(test)]
mod tests;
