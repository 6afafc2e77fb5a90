//! Records about access control entries, SCRAM credentials and delegation tokens.

use super::ApplyError;
use crate::image::{AccessControlEntry, DelegationToken, MetadataImage, ScramCredential, ScramMechanism};
use base::Timestamp;
use protocol::metadata_records::access_control_entry_record::AccessControlEntryRecord;
use protocol::metadata_records::delegation_token_record::DelegationTokenRecord;
use protocol::metadata_records::remove_access_control_entry_record::RemoveAccessControlEntryRecord;
use protocol::metadata_records::remove_delegation_token_record::RemoveDelegationTokenRecord;
use protocol::metadata_records::remove_user_scram_credential_record::RemoveUserScramCredentialRecord;
use protocol::metadata_records::user_scram_credential_record::UserScramCredentialRecord;

impl MetadataImage {
    pub(super) fn set_acl(&mut self, record: &AccessControlEntryRecord) {
        let entry = AccessControlEntry {
            resource_type: record.resource_type,
            resource_name: record.resource_name.clone(),
            pattern_type: record.pattern_type,
            principal: record.principal.clone(),
            host: record.host.clone(),
            operation: record.operation,
            permission_type: record.permission_type,
        };
        self.acls.insert(record.id, entry);
    }

    pub(super) fn remove_acl(&mut self, record: &RemoveAccessControlEntryRecord) -> Result<(), ApplyError> {
        self.acls
            .remove(record.id)
            .map(drop)
            .ok_or(ApplyError::UnknownAcl(record.id))
    }

    pub(super) fn set_scram_credential(&mut self, record: &UserScramCredentialRecord) -> Result<(), ApplyError> {
        let credential = ScramCredential {
            salt: record.salt.clone(),
            stored_key: record.stored_key.clone(),
            server_key: record.server_key.clone(),
            iterations: record.iterations,
        };
        self.scram
            .insert(mechanism(record.mechanism)?, record.name.clone(), credential);
        Ok(())
    }

    pub(super) fn remove_scram_credential(
        &mut self,
        record: &RemoveUserScramCredentialRecord,
    ) -> Result<(), ApplyError> {
        self.scram.remove(mechanism(record.mechanism)?, &record.name);
        Ok(())
    }

    pub(super) fn set_delegation_token(&mut self, record: &DelegationTokenRecord) {
        let token = DelegationToken {
            owner: record.owner.clone(),
            requester: record.requester.clone(),
            renewers: record.renewers.clone(),
            issue_timestamp: Timestamp(record.issue_timestamp),
            max_timestamp: Timestamp(record.max_timestamp),
            expiration_timestamp: Timestamp(record.expiration_timestamp),
        };
        self.delegation_tokens.insert(record.token_id.clone(), token);
    }

    pub(super) fn remove_delegation_token(&mut self, record: &RemoveDelegationTokenRecord) {
        self.delegation_tokens.remove(&record.token_id);
    }
}

fn mechanism(code: i8) -> Result<ScramMechanism, ApplyError> {
    let unknown = ApplyError::UnknownCode {
        what: "SCRAM mechanism",
        code: code.into(),
    };
    ScramMechanism::from_code(code).ok_or(unknown)
}
