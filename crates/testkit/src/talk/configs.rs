//! The configs of topics and brokers, set and described.

use anyhow::{Context, Result, ensure};
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::Talk;

/// Whose configs are meant.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// One broker by its id.
    Broker(&'a str),
    /// Every broker.
    AllBrokers,
}

impl Resource<'_> {
    fn parts(self) -> (i8, String) {
        match self {
            Resource::Topic(name) => (2, name.to_owned()),
            Resource::Broker(id) => (4, id.to_owned()),
            Resource::AllBrokers => (4, String::new()),
        }
    }
}

impl Talk {
    /// Sets configs, or takes them back where there is no value; answers the error code.
    pub fn alter(&mut self, resource: Resource<'_>, configs: &[(&str, Option<&str>)]) -> Result<i16> {
        let (resource_type, resource_name) = resource.parts();
        let configs = configs.iter().map(|(key, value)| AlterableConfig {
            name: (*key).to_owned(),
            config_operation: i8::from(value.is_none()),
            value: value.map(str::to_owned),
        });
        let resource = AlterConfigsResource {
            resource_type,
            resource_name,
            configs: configs.collect(),
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![resource],
            validate_only: false,
        };
        Ok(self
            .ask(&request, 1)?
            .responses
            .pop()
            .context("an answer for the resource")?
            .error_code)
    }

    /// Sets configs; a refusal is an error.
    pub fn set(&mut self, resource: Resource<'_>, configs: &[(&str, &str)]) -> Result<()> {
        let configs: Vec<_> = configs.iter().map(|(key, value)| (*key, Some(*value))).collect();
        let error = self.alter(resource, &configs)?;
        ensure!(error == 0, "{resource:?}: {configs:?}: error {error}");
        Ok(())
    }

    /// A config's value and its source (1 topic, 2 broker, 3 all brokers, 4 static, 5 default).
    pub fn config(&mut self, resource: Resource<'_>, key: &str) -> Result<(Option<String>, i8)> {
        let (resource_type, resource_name) = resource.parts();
        let configuration_keys = Some(vec![key.to_owned()]);
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name,
            configuration_keys,
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            ..Default::default()
        };
        let result = self
            .ask(&request, 4)?
            .results
            .pop()
            .context("an answer for the resource")?;
        ensure!(result.error_code == 0, "{key}: error {}", result.error_code);
        let config = result
            .configs
            .into_iter()
            .next()
            .with_context(|| format!("{key} is described"))?;
        Ok((config.value, config.config_source))
    }
}
