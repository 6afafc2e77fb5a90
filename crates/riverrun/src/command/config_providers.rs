//! Reads values that lie elsewhere, as Kafka's own three providers do.

use super::environment;
use anyhow::{Context, Result, bail};
use config::variables::{Provider, ProviderKind, Variable};
use config::{Layered, Properties};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A provider that can be asked.
enum Source {
    File(AllowedPaths),
    Directory(AllowedPaths),
    /// The variables that may be used.
    Environment(BTreeMap<String, String>),
}

/// Replaces the variables of all values.
pub(super) fn apply(layered: &mut Layered) -> Result<()> {
    let mut sources = BTreeMap::new();
    for (name, provider) in layered.providers()? {
        let source =
            Source::open(&provider, environment::variables()).with_context(|| format!("config.providers.{name}"))?;
        sources.insert(name, source);
    }
    if sources.is_empty() {
        return Ok(());
    }
    layered.replace_variables(|variable| match sources.get(variable.provider) {
        Some(source) => source
            .get(variable)
            .with_context(|| format!("{} cannot be looked up", variable.text)),
        None => Ok(None),
    })
}

impl Source {
    fn open(provider: &Provider, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let param = |name: &str| provider.params.get(name).map(String::as_str);
        Ok(match provider.kind {
            ProviderKind::File => Self::File(AllowedPaths::parse(param("allowed.paths"))?),
            ProviderKind::Directory => Self::Directory(AllowedPaths::parse(param("allowed.paths"))?),
            ProviderKind::Environment => {
                let pattern = param("allowlist.pattern").unwrap_or(".*");
                let allowed = regex_lite::Regex::new(&format!("^(?:{pattern})$"))
                    .with_context(|| format!("allowlist.pattern={pattern} is no pattern"))?;
                Self::Environment(environment.filter(|(name, _)| allowed.is_match(name)).collect())
            }
        })
    }

    fn get(&self, variable: Variable<'_>) -> Result<Option<String>> {
        let Variable { path, key, .. } = variable;
        match self {
            Self::Environment(_) if !path.is_empty() => {
                bail!("Path is not supported for EnvVarConfigProvider, invalid value '{path}'")
            }
            Self::Environment(variables) => Ok(variables.get(key).cloned()),
            Self::File(allowed) => match allowed.check(path) {
                Some(file) => in_file(&file, key),
                None => Ok(None),
            },
            Self::Directory(allowed) => match allowed.check(path) {
                Some(dir) => in_directory(&dir, key),
                None => Ok(None),
            },
        }
    }
}

fn in_file(file: &Path, key: &str) -> Result<Option<String>> {
    let cannot = || format!("Could not read properties from file {}", file.display());
    // The characters are those of UTF-8, unlike in server.properties.
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    let properties = Properties::parse_text(&file.display().to_string(), &text).with_context(cannot)?;
    Ok(properties.get(key).map(str::to_owned))
}

fn in_directory(dir: &Path, key: &str) -> Result<Option<String>> {
    let is_name = matches!(
        Path::new(key).components().collect::<Vec<_>>()[..],
        [Component::Normal(name)] if name == key
    );
    let file = dir.join(key);
    if !is_name || !file.is_file() {
        return Ok(None);
    }
    let cannot = || format!("Could not read file {} for property {key}", file.display());
    let bytes = std::fs::read(&file).with_context(cannot)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Where a provider may look; everywhere, if nothing is said.
struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self(None));
        };
        let mut paths = Vec::new();
        for path in text.split(',') {
            let path = normal(Path::new(path));
            if !path.is_absolute() {
                bail!("Path {} is not absolute", path.display());
            }
            if !path.exists() {
                bail!("Path {} does not exist", path.display());
            }
            paths.push(path);
        }
        Ok(Self(Some(paths)))
    }

    /// The path, if a provider may look there.
    fn check(&self, path: &str) -> Option<PathBuf> {
        match &self.0 {
            _ if path.is_empty() => None,
            None => Some(PathBuf::from(path)),
            Some(allowed) => {
                let path = normal(Path::new(path));
                allowed.iter().any(|allowed| path.starts_with(allowed)).then_some(path)
            }
        }
    }
}

/// Without `.` and `..`, going by the names alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            Component::ParentDir if normal.has_root() => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: ProviderKind, params: &[(&str, &str)]) -> Result<Source> {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let provider = Provider {
            kind,
            params: params.collect(),
        };
        let environment = [("DB_USER", "me"), ("DB_PASSWORD", "it"), ("OTHER", "no")];
        Source::open(
            &provider,
            environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter(),
        )
    }

    fn get(source: &Source, path: &str, key: &str) -> Result<Option<String>> {
        source.get(Variable {
            text: "",
            provider: "",
            path,
            key,
        })
    }

    fn some(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn the_environment_has_what_the_pattern_lets_through() {
        let all = source(ProviderKind::Environment, &[]).unwrap();
        assert_eq!(get(&all, "", "OTHER").unwrap(), some("no"));
        assert_eq!(get(&all, "", "NONE").unwrap(), None);
        let refused = get(&all, "/x", "OTHER").unwrap_err().to_string();
        assert_eq!(
            refused,
            "Path is not supported for EnvVarConfigProvider, invalid value '/x'"
        );
        let some_of = source(ProviderKind::Environment, &[("allowlist.pattern", "DB_.*|X")]).unwrap();
        assert_eq!(get(&some_of, "", "DB_USER").unwrap(), some("me"));
        assert_eq!(get(&some_of, "", "OTHER").unwrap(), None);
        assert!(source(ProviderKind::Environment, &[("allowlist.pattern", "(")]).is_err());
    }

    #[test]
    fn files_and_directories_have_what_lies_in_them() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("secrets");
        std::fs::create_dir_all(dir.join("inner")).unwrap();
        std::fs::write(dir.join("password"), "it\n").unwrap();
        std::fs::write(dir.join("file.properties"), "a=1\nü = \\u00e4 ö\na=2\n").unwrap();
        std::fs::write(root.path().join("outside"), "x").unwrap();
        let place = |name: &str| dir.join(name).display().to_string();
        let file = source(ProviderKind::File, &[]).unwrap();
        assert_eq!(get(&file, &place("file.properties"), "a").unwrap(), some("2"));
        assert_eq!(get(&file, &place("file.properties"), "ü").unwrap(), some("ä ö"));
        assert_eq!(get(&file, &place("file.properties"), "b").unwrap(), None);
        assert_eq!(get(&file, "", "a").unwrap(), None);
        let refused = get(&file, "/no/such", "a").unwrap_err().to_string();
        assert_eq!(refused, "Could not read properties from file /no/such");
        let directory = source(ProviderKind::Directory, &[]).unwrap();
        assert_eq!(get(&directory, &place(""), "password").unwrap(), some("it\n"));
        for nothing in [
            "none",
            "inner",
            "../outside",
            "inner/../password",
            "",
            ".",
            "/etc/hostname",
        ] {
            assert_eq!(get(&directory, &place(""), nothing).unwrap(), None, "{nothing}");
        }
        assert_eq!(get(&directory, "/no/such", "password").unwrap(), None);
    }

    #[test]
    fn a_provider_looks_only_where_it_may() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        for name in ["a", "ab"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("k"), "v").unwrap();
        }
        let directory = source(ProviderKind::Directory, &[("allowed.paths", &path("a"))]).unwrap();
        assert_eq!(get(&directory, &path("a"), "k").unwrap(), some("v"));
        assert_eq!(get(&directory, &path("ab/../a/."), "k").unwrap(), some("v"));
        for elsewhere in ["ab", "a/../ab", "", "a/../../../../../../../etc"] {
            assert_eq!(get(&directory, &path(elsewhere), "k").unwrap(), None, "{elsewhere}");
        }
        for (wrong, reason) in [("relative", "is not absolute"), ("/no/such/path", "does not exist")] {
            let refused = source(ProviderKind::File, &[("allowed.paths", wrong)]).err().unwrap();
            assert!(refused.to_string().ends_with(reason), "{refused}");
        }
    }
}
