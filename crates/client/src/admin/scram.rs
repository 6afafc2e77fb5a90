//! SCRAM credentials of users: which there are.

use super::{Each, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use protocol::ErrorCode;
use protocol::messages::describe_user_scram_credentials_request::{DescribeUserScramCredentialsRequest, UserName};

/// One credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScramDescription {
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// How often the password is hashed.
    pub iterations: i32,
}

/// The credentials of these users, or of all if there are none; users without any are left out.
pub async fn describe_scram(
    cluster: &Cluster,
    users: &[String],
) -> Result<Each<String, Vec<ScramDescription>>, ClientError> {
    let names = users
        .iter()
        .map(|name| UserName { name: name.clone() })
        .collect::<Vec<_>>();
    let request = DescribeUserScramCredentialsRequest {
        users: (!names.is_empty()).then_some(names),
    };
    let answer = cluster.call("describeUserScramCredentials", &request).await?;
    outcome(answer.error_code, answer.error_message)?;
    let mut each = Vec::new();
    for result in answer.results {
        if ErrorCode::from(result.error_code) == ErrorCode::ResourceNotFound {
            continue;
        }
        let credentials = result.credential_infos.iter().map(|info| ScramDescription {
            mechanism: match info.mechanism {
                1 => "SCRAM-SHA-256",
                2 => "SCRAM-SHA-512",
                _ => "UNKNOWN",
            },
            iterations: info.iterations,
        });
        let credentials = credentials.collect();
        each.push((
            result.user,
            outcome(result.error_code, result.error_message).map(|()| credentials),
        ));
    }
    Ok(each)
}
