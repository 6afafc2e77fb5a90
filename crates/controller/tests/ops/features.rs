//! Feature levels, and clusters of every metadata.version.

use crate::rig::{Rig, cluster, empty};
use controller::op::controller_registration::controller_registration;
use controller::op::update_features::{FeaturesUpdate, Results, update_features};
use metadata::MetadataVersion;
use protocol::ErrorCode;
use protocol::messages::controller_registration_request::{ControllerRegistrationRequest, Listener};
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use protocol::metadata_records::MetadataRecord;

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

fn update(rig: &mut Rig, feature: &str, max_version_level: i16, upgrade_type: i8) -> FeaturesUpdate {
    let key = FeatureUpdateKey {
        feature: feature.to_owned(),
        max_version_level,
        allow_downgrade: false,
        upgrade_type,
    };
    let request = UpdateFeaturesRequest {
        feature_updates: vec![key],
        ..Default::default()
    };
    rig.run(|state, cx| update_features(state, cx, &request, Results::Overall))
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster(1);
    let cases: [(&str, i16, i8, &str); 9] = [
        (
            "group.version",
            1,
            0,
            "The controller does not support the given upgrade type.",
        ),
        ("group.version", -1, UPGRADE, "A feature version cannot be less than 0."),
        (
            "group.version",
            2,
            UPGRADE,
            "Local controller 1 only supports versions 0-1",
        ),
        (
            "no.such.version",
            1,
            UPGRADE,
            "Local controller 1 does not support this feature.",
        ),
        (
            "group.version",
            0,
            UPGRADE,
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        ),
        (
            "metadata.version",
            31,
            UPGRADE,
            "Local controller 1 only supports versions 7-30",
        ),
        (
            "kraft.version",
            0,
            SAFE_DOWNGRADE,
            "Can't downgrade the version of this feature.",
        ),
        (
            "metadata.version",
            6,
            SAFE_DOWNGRADE,
            "Local controller 1 only supports versions 7-30",
        ),
        (
            "transaction.version",
            3,
            UPGRADE,
            "Local controller 1 only supports versions 0-2",
        ),
    ];
    for (feature, level, kind, reason) in cases {
        let response = update(&mut rig, feature, level, kind).response;
        assert_eq!(
            ErrorCode::from(response.error_code),
            ErrorCode::InvalidUpdateVersion,
            "{feature} {level}"
        );
        let message = format!(
            "The update failed for all features since the following feature had an error: Invalid update version {level} \
             for feature {feature}. {reason}"
        );
        assert_eq!(response.error_message, Some(message));
        assert_eq!(rig.written, []);
    }
    for (kind, reason) in [
        (
            SAFE_DOWNGRADE,
            "Refusing to perform the requested downgrade because it might delete metadata information.",
        ),
        (
            UNSAFE_DOWNGRADE,
            "Unsafe metadata downgrade is not supported in this version.",
        ),
    ] {
        let message = format!(
            "The update failed for all features since the following feature had an error: Unsupported metadata.version \
             downgrade from 30 to 29. {reason}"
        );
        assert_eq!(
            update(&mut rig, "metadata.version", 29, kind).response.error_message,
            Some(message)
        );
    }
}

#[test]
fn levels_go_up_and_down() {
    let mut rig = cluster(1);
    let done = update(&mut rig, "group.version", 0, SAFE_DOWNGRADE);
    assert_eq!(
        (done.response.error_code, rig.image().features.level("group.version")),
        (0, 0)
    );
    update(&mut rig, "group.version", 1, UPGRADE);
    assert_eq!(rig.image().features.level("group.version"), 1);
    let newer = update(&mut rig, "group.version", 1, SAFE_DOWNGRADE);
    assert_eq!(
        newer.response.error_code, 0,
        "to the level it has is neither up nor down"
    );
}

#[test]
fn eligible_leader_replicas_are_switched_on_safely() {
    let mut rig = empty(&["min.insync.replicas=2"], "4.0".parse().unwrap());
    rig.start_broker(1);
    update(&mut rig, "metadata.version", 30, UPGRADE);
    let before = rig.image().configs.all_brokers().cloned();
    assert_eq!(before, None);
    let done = update(&mut rig, "eligible.leader.replicas.version", 1, UPGRADE);
    assert_eq!(done.response.error_code, 0, "{done:?}");
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(names, ["ConfigRecord", "FeatureLevelRecord"]);
    assert_eq!(rig.image().configs.all_brokers().unwrap()["min.insync.replicas"], "2");
}

#[test]
fn a_feature_may_need_another() {
    let mut rig = empty(&[], "3.9".parse().unwrap());
    let refused = update(&mut rig, "eligible.leader.replicas.version", 1, UPGRADE)
        .response
        .error_message
        .unwrap();
    let reason =
        "eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version level 23";
    assert!(refused.ends_with(reason), "{refused}");
}

#[test]
fn the_raft_layers_feature_is_left_to_it() {
    let mut rig = cluster(1);
    rig.kraft_version = 0;
    let update = update(&mut rig, "kraft.version", 1, UPGRADE);
    assert_eq!((update.response.error_code, update.kraft_version), (0, Some(1)));
    let names: Vec<&str> = rig.written.iter().map(MetadataRecord::name).collect();
    assert_eq!(names, ["NoOpRecord"]);
}

#[test]
fn whoever_has_not_said_what_it_supports_blocks() {
    let mut rig = cluster(1);
    rig.settings.quorum_nodes.push(base::NodeId(9));
    let refused = update(&mut rig, "group.version", 0, SAFE_DOWNGRADE)
        .response
        .error_message
        .unwrap();
    assert!(
        refused.ends_with("controller 9 has not registered, and may not support this feature"),
        "{refused}"
    );
    let listener = |security_protocol| Listener {
        name: "CONTROLLER".to_owned(),
        host: "localhost".to_owned(),
        port: 9093,
        security_protocol,
    };
    let mut request = ControllerRegistrationRequest {
        controller_id: 9,
        ..Default::default()
    };
    request.listeners = vec![listener(99)];
    let unknown = rig.run(|state, _| controller_registration(state, &request));
    assert_ne!(unknown.error_code, 0);
    request.listeners = vec![listener(0)];
    assert_eq!(
        rig.run(|state, _| controller_registration(state, &request)).error_code,
        0
    );
    let refused = update(&mut rig, "transaction.version", 1, SAFE_DOWNGRADE)
        .response
        .error_message
        .unwrap();
    assert!(
        refused.ends_with("Controller 9 does not support this feature."),
        "{refused}"
    );
}

#[test]
fn an_old_cluster_gets_only_records_it_knows() {
    // The rig encodes every record at the finalized metadata.version and reads it back.
    for version in (7..=30).map(MetadataVersion) {
        let mut rig = empty(&[], version);
        rig.kraft_version = 0;
        (1..=3).for_each(|id| rig.start_broker(id));
        rig.create("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
        rig.kill(1);
        rig.kill(2);
        rig.revive(1);
        let mut rebuilt = metadata::MetadataImage::default();
        rig.image()
            .to_records()
            .iter()
            .for_each(|record| rebuilt.apply(record).unwrap());
        assert_eq!(&rebuilt, rig.image(), "metadata.version {version}");
    }
}
