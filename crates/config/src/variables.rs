//! Values that lie elsewhere, in files or in the environment: `${PROVIDER:PATH:KEY}` in a value stands for what the provider of that
//! name has there (KIP-297, KIP-421, KIP-632, KIP-887).

use crate::error::ConfigError;
use crate::layer::Layered;
use std::collections::BTreeMap;

/// Names the providers.
const PROVIDERS: &str = "config.providers";
const PACKAGE: &str = "org.apache.kafka.common.config.provider";

/// Where a provider has its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// `FileConfigProvider`: the path is a properties file, the key one of its keys.
    File,
    /// `DirectoryConfigProvider`: the path is a directory, the key a file in it, the value all that the file holds.
    Directory,
    /// `EnvVarConfigProvider`: there is no path, and the key is an environment variable.
    Environment,
}

impl ProviderKind {
    fn of(class: &str) -> Option<Self> {
        let name = class.trim().strip_prefix(PACKAGE)?.strip_prefix('.')?;
        Some(match name {
            "FileConfigProvider" => Self::File,
            "DirectoryConfigProvider" => Self::Directory,
            "EnvVarConfigProvider" => Self::Environment,
            _ => return None,
        })
    }
}

/// A provider, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Where its values are.
    pub kind: ProviderKind,
    /// `config.providers.NAME.param.`, without that.
    pub params: BTreeMap<String, String>,
}

/// What stands for another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// All of it, as it is written.
    pub text: &'a str,
    /// The name of the provider.
    pub provider: &'a str,
    /// Empty where there is none.
    pub path: &'a str,
    /// What the path has it under.
    pub key: &'a str,
}

impl<'a> Variable<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix("${")?.strip_suffix('}')?;
        let (provider, place) = inner.split_once(':')?;
        let (path, key) = place.split_once(':').unwrap_or(("", place));
        Some(Self {
            text,
            provider,
            path,
            key,
        })
    }
}

/// The value with its variables replaced; those for which there is nothing stay as they are written.
fn replaced<E>(value: &str, mut look_up: impl FnMut(Variable<'_>) -> Result<Option<String>, E>) -> Result<String, E> {
    let (mut done, mut rest) = (String::new(), value);
    while let Some(at) = rest.find("${")
        && let Some(len) = rest[at..].find('}')
    {
        let (before, text, after) = (&rest[..at], &rest[at..=at + len], &rest[at + len + 1..]);
        done.push_str(before);
        let found = match Variable::parse(text) {
            Some(variable) => look_up(variable)?,
            None => None,
        };
        done.push_str(found.as_deref().unwrap_or(text));
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

impl Layered {
    /// The providers by their names.
    ///
    /// # Errors
    /// If one is a Java class that is not built in.
    pub fn providers(&mut self) -> Result<BTreeMap<String, Provider>, ConfigError> {
        let mut providers = BTreeMap::new();
        let names = self.get(PROVIDERS).unwrap_or_default().to_owned();
        for name in names.split(',').filter(|name| !name.is_empty()) {
            let class_key = format!("{PROVIDERS}.{name}.class");
            // As in Kafka, where it is easily overlooked: a blank after a comma is part of the name.
            let Some(class) = self.get(&class_key).map(str::to_owned) else {
                self.warn(format!(
                    "{PROVIDERS} names `{name}`, which is not used: {class_key} is not set"
                ));
                continue;
            };
            let Some(kind) = ProviderKind::of(&class) else {
                return Err(ConfigError::NotBuilt {
                    key: class_key,
                    value: class,
                    advice: format!(
                        "Java classes cannot be loaded. {PACKAGE} has FileConfigProvider, DirectoryConfigProvider and \
                         EnvVarConfigProvider"
                    ),
                });
            };
            let prefix = format!("{PROVIDERS}.{name}.param.");
            let params = self.originals().into_iter();
            let params = params.filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value)));
            let params = params.filter(|(key, _)| !key.is_empty()).collect();
            providers.insert(name.to_owned(), Provider { kind, params });
        }
        Ok(providers)
    }

    /// Replaces all variables by what `look_up` has for them; one of no known provider, or for which there is nothing, stays.
    ///
    /// # Errors
    /// Those of `look_up`.
    pub fn replace_variables<E>(
        &mut self,
        mut look_up: impl FnMut(Variable<'_>) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        let mut nothing = Vec::new();
        self.change_values(|key, value| {
            replaced(value, |variable| {
                let found = look_up(variable)?;
                if found.is_none() {
                    nothing.push(format!(
                        "{key}: there is nothing for {}, which is taken as it stands",
                        variable.text
                    ));
                }
                Ok(found)
            })
        })?;
        nothing.into_iter().for_each(|warning| self.warn(warning));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;
    use std::convert::Infallible;

    fn layered(text: &str) -> Layered {
        let mut layered = Layered::new();
        layered.add_file("f", &Properties::parse("f", text.as_bytes()).unwrap());
        layered
    }

    #[test]
    fn variables_are_found_as_kafka_finds_them() {
        let show = |value: &str| {
            let shown = replaced(value, |variable| {
                let Variable {
                    provider, path, key, ..
                } = variable;
                Ok::<_, Infallible>((provider != "none").then(|| format!("<{provider}|{path}|{key}>")))
            });
            shown.unwrap_or_else(|never| match never {})
        };
        for (value, expected) in [
            ("plain", "plain"),
            ("${file:/a/b:key}", "<file|/a/b|key>"),
            ("${env:NAME}", "<env||NAME>"),
            ("x=${env:A},y=${env:B}.", "x=<env||A>,y=<env||B>."),
            ("${file:/a:b:c}", "<file|/a|b:c>"),
            ("${file::key}", "<file||key>"),
            ("${:k}", "<||k>"),
            ("${nothing}${env:A}", "${nothing}<env||A>"),
            ("${none:A}${env:A}", "${none:A}<env||A>"),
            ("${a${env:A}}", "<a${env||A>}"),
            ("$${env:A}", "$<env||A>"),
            ("${env:A", "${env:A"),
            ("}${", "}${"),
            ("ü${env:ä}ü", "ü<env||ä>ü"),
        ] {
            assert_eq!(show(value), expected, "{value}");
        }
    }

    #[test]
    fn providers_are_those_that_have_a_class() {
        let mut layered = layered(
            "config.providers=file, env\n\
             config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n\
             config.providers.file.param.allowed.paths=/run\n\
             config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n",
        );
        let file = Provider {
            kind: ProviderKind::File,
            params: BTreeMap::from([("allowed.paths".to_owned(), "/run".to_owned())]),
        };
        assert_eq!(
            layered.providers().unwrap(),
            BTreeMap::from([("file".to_owned(), file)])
        );
        assert_eq!(
            layered.warnings(),
            ["config.providers names ` env`, which is not used: config.providers. env.class is not set"]
        );
        let mut other = self::layered("config.providers=x\nconfig.providers.x.class=com.example.Vault\n");
        let refused = other.providers().unwrap_err().to_string();
        assert!(
            refused.starts_with("config.providers.x.class=com.example.Vault is not supported yet: Java classes"),
            "{refused}"
        );
    }

    #[test]
    fn what_a_variable_stands_for_is_not_looked_into_again() {
        let mut layered = layered("node.id=${v:a}\nbroker.rack=${v:missing}\n");
        let replaced = layered.replace_variables(|variable| {
            let known = variable.key == "a";
            Ok::<_, Infallible>(known.then(|| "${v:a}7".to_owned()))
        });
        replaced.unwrap_or_else(|never| match never {});
        assert_eq!(layered.get("node.id"), Some("${v:a}7"));
        assert_eq!(layered.get("broker.rack"), Some("${v:missing}"));
        assert_eq!(
            layered.warnings(),
            ["broker.rack: there is nothing for ${v:missing}, which is taken as it stands"]
        );
    }
}
