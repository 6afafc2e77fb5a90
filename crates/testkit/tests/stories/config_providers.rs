//! Values of `server.properties` that lie elsewhere: in a properties file, in a directory of files, in the environment (KIP-297,
//! KIP-421, KIP-632, KIP-887).

use anyhow::{Context, Result};
use testkit::talk::Resource;
use testkit::{Settings, Talk};

const CLASSES: [(&str, &str); 3] = [
    ("file", "FileConfigProvider"),
    ("dir", "DirectoryConfigProvider"),
    ("env", "EnvVarConfigProvider"),
];
/// Its source, for a value of the file.
const STATIC: i8 = 4;

#[test]
fn values_come_from_files_and_the_environment() -> Result<()> {
    let place = tempfile::tempdir()?;
    let dir = place.path().to_str().context("a path of text")?;
    std::fs::write(place.path().join("some.properties"), "size = 12\nrest=345\n")?;
    std::fs::write(place.path().join("partitions"), "7\n")?;
    let mut settings = Settings::default()
        .with("config.providers", "file,dir,env")
        .with("config.providers.dir.param.allowed.paths", dir)
        .with(
            "message.max.bytes",
            format!("${{file:{dir}/some.properties:size}}${{file:{dir}/some.properties:rest}}"),
        )
        .with("num.partitions", format!("${{dir:{dir}:partitions}}"))
        .with("broker.rack", "${env:PATH}");
    for (name, class) in CLASSES {
        let class = format!("org.apache.kafka.common.config.provider.{class}");
        settings = settings.with(&format!("config.providers.{name}.class"), class);
    }
    let broker = testkit::chosen::start_one(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    for (key, value) in [
        ("message.max.bytes", "12345".to_owned()),
        ("num.partitions", "7".to_owned()),
        ("broker.rack", std::env::var("PATH")?),
    ] {
        assert_eq!(talk.config(Resource::Broker("1"), key)?, (Some(value), STATIC), "{key}");
    }
    Ok(())
}
