//! Connections that do nothing: what one costs the broker.

use crate::Target;
use crate::connection::Connection;
use crate::pace::wait_for_line;
use anyhow::Result;
use clap::Args;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use serde_json::json;

/// How many.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// Connections.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
}

/// Opens them, has each greeted, and closes them when a line comes.
pub fn run(options: &Options) -> Result<()> {
    let request = ApiVersionsRequest {
        client_software_name: crate::connection::CLIENT_ID.to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    };
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        let mut connection = Connection::open(&options.target.bootstrap, &options.target)?;
        connection.call(&request, 3)?;
        connections.push(connection);
    }
    println!("ready");
    wait_for_line()?;
    println!("{}", json!({ "connections": connections.len() }));
    Ok(())
}
