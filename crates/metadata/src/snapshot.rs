//! An image written out as the records of a snapshot.

use crate::image::{BrokerImage, ControllerImage, MetadataImage, PartitionImage, TopicImage};
use crate::metadata_version::MetadataVersion;
use base::{NodeId, Uuid};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::access_control_entry_record::AccessControlEntryRecord;
use protocol::metadata_records::client_quota_record::{ClientQuotaRecord, EntityData};
use protocol::metadata_records::config_record::ConfigRecord;
use protocol::metadata_records::delegation_token_record::DelegationTokenRecord;
use protocol::metadata_records::feature_level_record::FeatureLevelRecord;
use protocol::metadata_records::partition_record::PartitionRecord;
use protocol::metadata_records::producer_ids_record::ProducerIdsRecord;
use protocol::metadata_records::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use protocol::metadata_records::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};
use protocol::metadata_records::topic_record::TopicRecord;
use protocol::metadata_records::user_scram_credential_record::UserScramCredentialRecord;

impl MetadataImage {
    /// The records whose application to an empty image gives this image, in the order in which Kafka writes them.
    ///
    /// What the finalized metadata.version has no record or field for is left out: after a downgrade that is the
    /// metadata that the operator accepted to lose.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        let Some(version) = self.features.metadata_version else {
            return records;
        };
        self.write_features(&mut records);
        records.extend(
            self.brokers
                .iter()
                .map(|broker| MetadataRecord::RegisterBroker(broker.to_record(version))),
        );
        if version.supports_controller_registration() {
            let registrations = self.controllers.iter().map(|controller| controller.to_record());
            records.extend(registrations.map(MetadataRecord::RegisterController));
        }
        for topic in self.topics.iter() {
            self.write_topic(topic, version, &mut records);
        }
        self.write_configs(&mut records);
        self.write_client_quotas(&mut records);
        if self.producer_ids.next_producer_id.0 >= 0 {
            let next_producer_id = self.producer_ids.next_producer_id.0;
            let record = ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id,
            };
            records.push(MetadataRecord::ProducerIds(record));
        }
        self.write_acls(&mut records);
        if version.supports_scram() {
            self.write_scram(&mut records);
        }
        if version.supports_delegation_tokens() {
            self.write_delegation_tokens(&mut records);
        }
        records
    }

    /// metadata.version first: it decides how the rest is read.
    fn write_features(&self, records: &mut Vec<MetadataRecord>) {
        let own = self
            .features
            .metadata_version
            .map(|version| (MetadataVersion::FEATURE_NAME, version.0));
        let others = self
            .features
            .finalized
            .iter()
            .map(|(name, level)| (name.as_str(), *level));
        let record = |(name, feature_level): (&str, i16)| FeatureLevelRecord {
            name: name.to_owned(),
            feature_level,
        };
        records.extend(
            own.into_iter()
                .chain(others)
                .map(record)
                .map(MetadataRecord::FeatureLevel),
        );
    }

    fn write_topic(&self, topic: &TopicImage, version: MetadataVersion, records: &mut Vec<MetadataRecord>) {
        let record = TopicRecord {
            name: topic.name.to_string(),
            topic_id: topic.id,
        };
        records.push(MetadataRecord::Topic(record));
        for (index, partition) in topic.partitions() {
            let mut record = partition.to_record(topic.id, index, version);
            if !self.features.is_elr_enabled() {
                record.eligible_leader_replicas = None;
                record.last_known_elr = None;
            }
            records.push(MetadataRecord::Partition(record));
        }
    }

    fn write_configs(&self, records: &mut Vec<MetadataRecord>) {
        for (resource, values) in self.configs.iter() {
            records.extend(values.iter().map(|(key, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.resource_type.code(),
                    resource_name: resource.name.clone(),
                    name: key.clone(),
                    value: Some(value.clone()),
                })
            }));
        }
    }

    fn write_client_quotas(&self, records: &mut Vec<MetadataRecord>) {
        for (entity, quotas) in self.client_quotas.iter() {
            let part = |(entity_type, entity_name): (&String, &Option<String>)| EntityData {
                entity_type: entity_type.clone(),
                entity_name: entity_name.clone(),
            };
            let entity: Vec<EntityData> = entity.iter().map(part).collect();
            records.extend(quotas.iter().map(|(key, value)| {
                let (entity, key) = (entity.clone(), key.clone());
                MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity,
                    key,
                    value: *value,
                    remove: false,
                })
            }));
        }
    }

    fn write_acls(&self, records: &mut Vec<MetadataRecord>) {
        records.extend(self.acls.iter().map(|(id, entry)| {
            MetadataRecord::AccessControlEntry(AccessControlEntryRecord {
                id,
                resource_type: entry.resource_type,
                resource_name: entry.resource_name.clone(),
                pattern_type: entry.pattern_type,
                principal: entry.principal.clone(),
                host: entry.host.clone(),
                operation: entry.operation,
                permission_type: entry.permission_type,
            })
        }));
    }

    fn write_scram(&self, records: &mut Vec<MetadataRecord>) {
        records.extend(self.scram.iter().map(|(mechanism, user, credential)| {
            MetadataRecord::UserScramCredential(UserScramCredentialRecord {
                name: user.to_owned(),
                mechanism: mechanism.code(),
                salt: credential.salt.clone(),
                stored_key: credential.stored_key.clone(),
                server_key: credential.server_key.clone(),
                iterations: credential.iterations,
            })
        }));
    }

    fn write_delegation_tokens(&self, records: &mut Vec<MetadataRecord>) {
        records.extend(self.delegation_tokens.iter().map(|(token_id, token)| {
            MetadataRecord::DelegationToken(DelegationTokenRecord {
                owner: token.owner.clone(),
                requester: token.requester.clone(),
                renewers: token.renewers.clone(),
                issue_timestamp: token.issue_timestamp.0,
                max_timestamp: token.max_timestamp.0,
                expiration_timestamp: token.expiration_timestamp.0,
                token_id: token_id.to_owned(),
            })
        }));
    }
}

impl BrokerImage {
    /// The registration as a record, without what `version` has no field for.
    pub fn to_record(&self, version: MetadataVersion) -> RegisterBrokerRecord {
        let named = version.supports_directory_assignment();
        let cordons = version.supports_cordoned_log_dirs();
        RegisterBrokerRecord {
            broker_id: self.id.0,
            is_migrating_zk_broker: self.is_migrating_zk_broker && version >= MetadataVersion::IBP_3_4_IV0,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch.0,
            end_points: self
                .listeners
                .iter()
                .map(|listener| BrokerEndpoint {
                    name: listener.name.clone(),
                    host: listener.host.clone(),
                    port: listener.port,
                    security_protocol: listener.security_protocol.code(),
                })
                .collect(),
            features: self
                .features
                .iter()
                .map(|(name, range)| BrokerFeature {
                    name: name.clone(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: if named { self.directories.clone() } else { Vec::new() },
            cordoned_log_dirs: self.cordoned_directories.clone().filter(|_| cordons),
        }
    }
}

impl ControllerImage {
    /// The registration as a record.
    pub fn to_record(&self) -> RegisterControllerRecord {
        RegisterControllerRecord {
            controller_id: self.id.0,
            incarnation_id: self.incarnation_id,
            zk_migration_ready: self.zk_migration_ready,
            end_points: self
                .listeners
                .iter()
                .map(|listener| ControllerEndpoint {
                    name: listener.name.clone(),
                    host: listener.host.clone(),
                    port: listener.port,
                    security_protocol: listener.security_protocol.code(),
                })
                .collect(),
            features: self
                .features
                .iter()
                .map(|(name, range)| ControllerFeature {
                    name: name.clone(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
        }
    }
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

impl PartitionImage {
    /// The partition as a record, without what `version` has no field for.
    pub fn to_record(&self, topic_id: Uuid, partition_id: i32, version: MetadataVersion) -> PartitionRecord {
        let remembered = |nodes: &[NodeId]| (version.supports_elr() && !nodes.is_empty()).then(|| ids(nodes));
        let named = version.supports_directory_assignment();
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: ids(&self.replicas),
            isr: ids(&self.isr),
            removing_replicas: ids(&self.removing_replicas),
            adding_replicas: ids(&self.adding_replicas),
            leader: self.leader.0,
            leader_recovery_state: self.leader_recovery_state.code(),
            leader_epoch: self.leader_epoch.0,
            partition_epoch: self.partition_epoch.0,
            directories: if named { self.directories.clone() } else { Vec::new() },
            eligible_leader_replicas: remembered(&self.elr),
            last_known_elr: remembered(&self.last_known_elr),
        }
    }
}
