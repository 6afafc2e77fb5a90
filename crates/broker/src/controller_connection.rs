//! Connections to the active controller over the network: the broker's own requests as they are, clients' in envelopes
//! (KIP-590).
//!
//! Heartbeats, changes of the ISR and everything else each have a connection: a request that takes long must not cost the
//! broker its session. Each is made when it is first needed, and anew when the active controller is another.

use crate::channel::OnBehalfOf;
use base::NodeId;
use bytes::{Bytes, BytesMut};
use client::channel::Flexible;
use client::{Address, Channel, ClientError, Settings};
use network::Principal;
use protocol::internal::default_principal_data::DefaultPrincipalData;
use protocol::messages::create_topics_response::CreateTopicsResponse;
use protocol::messages::envelope_request::EnvelopeRequest;
use protocol::{ApiKey, EncodeError, ErrorCode, Message, Segments, Writer, frame};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::debug;

const ENVELOPE_VERSION: i16 = 0;
const PRINCIPAL_VERSION: i16 = 0;

/// The connections of one broker. The lock of one is held while it is made: whoever else wants it waits for the same one.
#[derive(Debug)]
pub struct ControllerConnections {
    client_id: String,
    request_timeout: Duration,
    heartbeats: Mutex<Option<Channel>>,
    replicas: Mutex<Option<Channel>>,
    others: Mutex<Option<Channel>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Whoever was asked is not the active controller.
    #[error("{0} is not the active controller")]
    NotController(Address),
    /// No connection, or it ended before the answer came.
    #[error(transparent)]
    Lost(ClientError),
    /// The controller will not answer this request, however often it is asked.
    #[error("{0}")]
    Refused(String),
}

impl From<EncodeError> for Unanswered {
    fn from(error: EncodeError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<ClientError> for Unanswered {
    fn from(error: ClientError) -> Self {
        if error.is_connection() {
            Self::Lost(error)
        } else {
            Self::Refused(error.to_string())
        }
    }
}

impl ControllerConnections {
    /// No connection yet. `request_timeout` bounds the wait for one answer (`controller.socket.timeout.ms`).
    pub fn new(node: NodeId, request_timeout: Duration) -> Self {
        Self {
            client_id: node.to_string(),
            request_timeout,
            heartbeats: Mutex::default(),
            replicas: Mutex::default(),
            others: Mutex::default(),
        }
    }

    /// Sends a request's body once, and answers the response's body.
    ///
    /// # Errors
    /// If there is no answer of the active controller's. After [`Unanswered::Lost`] it may have done what was asked.
    pub async fn request(
        &self,
        controller: &Address,
        from: &OnBehalfOf,
        api_key: ApiKey,
        version: i16,
        body: Bytes,
    ) -> Result<Bytes, Unanswered> {
        let channel = self.channel(controller, api_key).await?;
        match from.address {
            Some(address) => self.enveloped(&channel, from, address, (api_key, version), &body).await,
            None => {
                let answer = self.send(&channel, api_key, version, body).await?;
                if knows_another_controller(api_key, version, &answer) {
                    return Err(Unanswered::NotController(controller.clone()));
                }
                Ok(answer)
            }
        }
    }

    async fn channel(&self, controller: &Address, api_key: ApiKey) -> Result<Channel, Unanswered> {
        let slot = match api_key {
            ApiKey::BrokerRegistration | ApiKey::BrokerHeartbeat => &self.heartbeats,
            ApiKey::AlterPartition | ApiKey::AssignReplicasToDirs => &self.replicas,
            _ => &self.others,
        };
        let mut slot = slot.lock().await;
        let usable = |channel: &&Channel| channel.is_open() && channel.address() == controller;
        if let Some(channel) = slot.as_ref().filter(usable) {
            return Ok(channel.clone());
        }
        debug!(%controller, "connecting to the active controller");
        let mut settings =
            Settings::new(&controller.to_string()).map_err(|error| Unanswered::Refused(error.to_string()))?;
        settings.client_id.clone_from(&self.client_id);
        settings.request_timeout = self.request_timeout;
        let channel = Channel::connect(controller, &settings).await?;
        *slot = Some(channel.clone());
        Ok(channel)
    }

    async fn send(&self, channel: &Channel, api_key: ApiKey, version: i16, body: Bytes) -> Result<Bytes, Unanswered> {
        let flexible = if version >= api_key.api().flexible_from {
            Flexible::Yes
        } else {
            Flexible::No
        };
        let mut whole = Writer::new();
        whole.raw(&body);
        let sent = channel.send_encoded(api_key, version, flexible, whole.finish(), self.request_timeout);
        Ok(sent.await?)
    }

    async fn enveloped(
        &self,
        channel: &Channel,
        from: &OnBehalfOf,
        address: IpAddr,
        (api_key, version): (ApiKey, i16),
        body: &[u8],
    ) -> Result<Bytes, Unanswered> {
        let request = EnvelopeRequest {
            request_data: unframed(frame::encode_raw_request(
                api_key,
                version,
                0,
                Some(&from.client_id),
                body,
            )?)?,
            request_principal: Some(serialized(&from.principal)?),
            client_host_address: octets(address),
        };
        let answer = channel.send_at(&request, ENVELOPE_VERSION).await?;
        match ErrorCode::from(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::NotController => return Err(Unanswered::NotController(channel.address().clone())),
            error => return Err(Unanswered::Refused(error.to_string())),
        }
        let within = answer.response_data.unwrap_or_default();
        let (_, body) = frame::decode_response(&within, api_key, version)
            .map_err(|error| Unanswered::Refused(format!("the controller's answer to {api_key}: {error}")))?;
        Ok(body)
    }
}

/// A frame without the length before it.
fn unframed(frame: Segments) -> Result<Bytes, Unanswered> {
    let framed = frame
        .read_all()
        .map_err(|error| Unanswered::Refused(error.to_string()))?;
    Ok(framed.slice(framed.len().min(4)..))
}

/// As Kafka's own principals are written: a version, and then the message.
fn serialized(principal: &Principal) -> Result<Bytes, EncodeError> {
    let data = DefaultPrincipalData {
        r#type: principal.kind.clone(),
        name: principal.name.clone(),
        token_authenticated: false,
    };
    let mut bytes = BytesMut::from(&PRINCIPAL_VERSION.to_be_bytes()[..]);
    bytes.extend_from_slice(&data.to_bytes(PRINCIPAL_VERSION)?);
    Ok(bytes.freeze())
}

/// Four bytes or sixteen; an IPv4 client of an IPv6 socket is an IPv4 client.
fn octets(address: IpAddr) -> Bytes {
    match address.to_canonical() {
        IpAddr::V4(address) => Bytes::copy_from_slice(&Ipv4Addr::octets(&address)),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    }
}

/// Whether an answer to a request of the broker's own says NOT_CONTROLLER.
fn knows_another_controller(api_key: ApiKey, version: i16, answer: &Bytes) -> bool {
    match api_key {
        // All of these begin with the throttle time and the error.
        ApiKey::BrokerRegistration
        | ApiKey::BrokerHeartbeat
        | ApiKey::AlterPartition
        | ApiKey::AssignReplicasToDirs
        | ApiKey::AllocateProducerIds => answer.get(4..6) == Some(&ErrorCode::NotController.code().to_be_bytes()),
        ApiKey::CreateTopics => CreateTopicsResponse::from_bytes(answer, version).is_ok_and(|answer| {
            let mut topics = answer.topics.iter();
            topics.any(|topic| topic.error_code == ErrorCode::NotController.code())
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
    use protocol::messages::create_topics_response::CreatableTopicResult;

    #[test]
    fn a_principal_is_written_as_kafka_reads_it() {
        let bytes = serialized(&Principal::anonymous()).expect("it can be written");
        assert_eq!(&bytes[..], b"\0\0\x05User\x0aANONYMOUS\0\0");
    }

    #[test]
    fn not_controller_is_seen_wherever_it_stands() {
        let refused = ErrorCode::NotController.code();
        let heartbeat = BrokerHeartbeatResponse {
            error_code: refused,
            ..Default::default()
        };
        let body = heartbeat.to_bytes(1).expect("it can be written");
        assert!(knows_another_controller(ApiKey::BrokerHeartbeat, 1, &body));
        let well = BrokerHeartbeatResponse::default()
            .to_bytes(1)
            .expect("it can be written");
        assert!(!knows_another_controller(ApiKey::BrokerHeartbeat, 1, &well));
        let topic = CreatableTopicResult {
            error_code: refused,
            ..Default::default()
        };
        let topics = CreateTopicsResponse {
            topics: vec![topic],
            ..Default::default()
        };
        let body = topics.to_bytes(7).expect("it can be written");
        assert!(knows_another_controller(ApiKey::CreateTopics, 7, &body));
    }

    #[test]
    fn a_mapped_address_is_of_four_bytes() {
        let mapped: IpAddr = "::ffff:10.1.2.3".parse().expect("an address");
        assert_eq!(&octets(mapped)[..], [10, 1, 2, 3]);
    }
}
