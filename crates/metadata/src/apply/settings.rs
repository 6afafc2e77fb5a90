//! Records about features, configuration, quotas and producer ids.

use super::ApplyError;
use crate::feature;
use crate::image::{ClientQuotaEntity, ConfigResource, ConfigResourceType, MetadataImage};
use crate::metadata_version::MetadataVersion;
use base::ProducerId;
use protocol::metadata_records::client_quota_record::ClientQuotaRecord;
use protocol::metadata_records::config_record::ConfigRecord;
use protocol::metadata_records::feature_level_record::FeatureLevelRecord;
use protocol::metadata_records::producer_ids_record::ProducerIdsRecord;

impl MetadataImage {
    /// Level 0 takes a feature off the list. `kraft.version` has no place here: the raft layer keeps it.
    pub(super) fn set_feature_level(&mut self, record: &FeatureLevelRecord) -> Result<(), ApplyError> {
        let level = record.feature_level;
        let (min, max) = feature::find(&record.name).map_or((0, 0), |feature| (feature.min, feature.max));
        if !(min..=max).contains(&level) {
            let feature = record.name.clone();
            return Err(ApplyError::UnsupportedFeatureLevel {
                feature,
                level,
                min,
                max,
            });
        }
        match record.name.as_str() {
            feature::KRAFT_VERSION => {}
            MetadataVersion::FEATURE_NAME => self.features.metadata_version = Some(MetadataVersion(level)),
            name if level == 0 => {
                self.features.finalized.remove(name);
            }
            name => {
                self.features.finalized.insert(name.to_owned(), level);
            }
        }
        Ok(())
    }

    pub(super) fn set_config(&mut self, record: &ConfigRecord) -> Result<(), ApplyError> {
        let code = record.resource_type;
        let unknown = ApplyError::UnknownCode {
            what: "configuration resource type",
            code: code.into(),
        };
        let resource_type = ConfigResourceType::from_code(code).ok_or(unknown)?;
        let resource = ConfigResource {
            resource_type,
            name: record.resource_name.clone(),
        };
        match &record.value {
            Some(value) => self.configs.set(resource, record.name.clone(), value.clone()),
            None => self.configs.unset(&resource, &record.name),
        }
        Ok(())
    }

    pub(super) fn set_client_quota(&mut self, record: &ClientQuotaRecord) {
        let part = |part: &protocol::metadata_records::client_quota_record::EntityData| {
            (part.entity_type.clone(), part.entity_name.clone())
        };
        let entity: ClientQuotaEntity = record.entity.iter().map(part).collect();
        if record.remove {
            self.client_quotas.unset(&entity, &record.key);
        } else {
            self.client_quotas.set(entity, record.key.clone(), record.value);
        }
    }

    pub(super) fn set_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ApplyError> {
        let current = self.producer_ids.next_producer_id.0;
        let given = record.next_producer_id;
        if given <= current {
            return Err(ApplyError::ProducerIdsWentBack { given, current });
        }
        self.producer_ids.next_producer_id = ProducerId(given);
        Ok(())
    }
}
