//! Records about the registrations of brokers and controllers.

use super::ApplyError;
use crate::image::{
    BrokerEpoch, BrokerImage, ControllerImage, Listener, MetadataImage, SecurityProtocol, VersionRange,
};
use base::{NodeId, Uuid};
use protocol::metadata_records::broker_registration_change_record::BrokerRegistrationChangeRecord;
use protocol::metadata_records::fence_broker_record::FenceBrokerRecord;
use protocol::metadata_records::register_broker_record::RegisterBrokerRecord;
use protocol::metadata_records::register_controller_record::RegisterControllerRecord;
use protocol::metadata_records::unfence_broker_record::UnfenceBrokerRecord;
use protocol::metadata_records::unregister_broker_record::UnregisterBrokerRecord;
use protocol::metadata_records::unregister_controller_record::UnregisterControllerRecord;

impl MetadataImage {
    pub(super) fn register_broker(&mut self, record: &RegisterBrokerRecord) -> Result<(), ApplyError> {
        let endpoints = record.end_points.iter();
        let endpoints = endpoints.map(|it| listener(&it.name, &it.host, it.port, it.security_protocol));
        let features = record.features.iter();
        let features = features.map(|it| feature(&it.name, it.min_supported_version, it.max_supported_version));
        self.brokers.insert(BrokerImage {
            id: NodeId(record.broker_id),
            epoch: BrokerEpoch(record.broker_epoch),
            incarnation_id: record.incarnation_id,
            listeners: by_name(endpoints)?,
            features: features.collect(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            is_migrating_zk_broker: record.is_migrating_zk_broker,
            directories: sorted(&record.log_dirs),
            cordoned_directories: record.cordoned_log_dirs.as_deref().map(sorted),
        });
        Ok(())
    }

    pub(super) fn unregister_broker(&mut self, record: &UnregisterBrokerRecord) -> Result<(), ApplyError> {
        self.registration(record.broker_id, record.broker_epoch)?;
        self.brokers.remove(NodeId(record.broker_id));
        Ok(())
    }

    pub(super) fn fence_broker(&mut self, record: &FenceBrokerRecord) -> Result<(), ApplyError> {
        self.registration(record.id, record.epoch)?.fenced = true;
        Ok(())
    }

    pub(super) fn unfence_broker(&mut self, record: &UnfenceBrokerRecord) -> Result<(), ApplyError> {
        self.registration(record.id, record.epoch)?.fenced = false;
        Ok(())
    }

    pub(super) fn change_broker_registration(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), ApplyError> {
        let unknown = |what, code: i8| ApplyError::UnknownCode {
            what,
            code: code.into(),
        };
        let fenced = match record.fenced {
            0 => None,
            1 => Some(true),
            -1 => Some(false),
            code => return Err(unknown("fencing change", code)),
        };
        let shuts_down = match record.in_controlled_shutdown {
            0 => false,
            1 => true,
            code => return Err(unknown("controlled shutdown change", code)),
        };
        let broker = self.registration(record.broker_id, record.broker_epoch)?;
        broker.fenced = fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown |= shuts_down;
        if !record.log_dirs.is_empty() {
            broker.directories = sorted(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned_directories = Some(sorted(cordoned));
        }
        Ok(())
    }

    pub(super) fn register_controller(&mut self, record: &RegisterControllerRecord) -> Result<(), ApplyError> {
        let endpoints = record.end_points.iter();
        let endpoints = endpoints.map(|it| listener(&it.name, &it.host, it.port, it.security_protocol));
        let features = record.features.iter();
        let features = features.map(|it| feature(&it.name, it.min_supported_version, it.max_supported_version));
        self.controllers.insert(ControllerImage {
            id: NodeId(record.controller_id),
            incarnation_id: record.incarnation_id,
            zk_migration_ready: record.zk_migration_ready,
            listeners: by_name(endpoints)?,
            features: features.collect(),
        });
        Ok(())
    }

    pub(super) fn unregister_controller(&mut self, record: &UnregisterControllerRecord) -> Result<(), ApplyError> {
        let id = NodeId(record.controller_id);
        self.controllers
            .remove(id)
            .map(drop)
            .ok_or(ApplyError::UnknownController(id))
    }

    /// The broker's registration, if it is the one with this epoch.
    fn registration(&mut self, broker: i32, epoch: i64) -> Result<&mut BrokerImage, ApplyError> {
        let (broker, given) = (NodeId(broker), BrokerEpoch(epoch));
        let registration = self.brokers.get_mut(broker).ok_or(ApplyError::UnknownBroker(broker))?;
        let current = registration.epoch;
        if current == given {
            Ok(registration)
        } else {
            Err(ApplyError::BrokerEpochMismatch { broker, given, current })
        }
    }
}

fn security_protocol(code: i16) -> Result<SecurityProtocol, ApplyError> {
    let unknown = ApplyError::UnknownCode {
        what: "security protocol",
        code: code.into(),
    };
    SecurityProtocol::from_code(code).ok_or(unknown)
}

fn listener(name: &str, host: &str, port: u16, protocol: i16) -> Result<Listener, ApplyError> {
    Ok(Listener {
        name: name.to_owned(),
        host: host.to_owned(),
        port,
        security_protocol: security_protocol(protocol)?,
    })
}

fn by_name(listeners: impl Iterator<Item = Result<Listener, ApplyError>>) -> Result<Vec<Listener>, ApplyError> {
    let mut listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    listeners.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(listeners)
}

fn feature(name: &str, min: i16, max: i16) -> (String, VersionRange) {
    (name.to_owned(), VersionRange { min, max })
}

fn sorted(directories: &[Uuid]) -> Vec<Uuid> {
    let mut directories = directories.to_vec();
    directories.sort_unstable();
    directories
}
