//! A request that changes the configs of several resources: each for itself, as long as all together are not too much.

use super::check_size;
use crate::api_error::ApiError;
use crate::config_change::read_resources;
use metadata::image::ConfigResource;
use protocol::metadata_records::MetadataRecord;

/// What came of one resource's change.
pub(super) type Changed = Result<Vec<MetadataRecord>, ApiError>;

/// What is said of each resource, and the records of those that can be changed.
pub(super) fn change_each<T, A>(
    resources: impl Iterator<Item = (i8, String, T)> + Clone,
    mut change: impl FnMut(&ConfigResource, T) -> Changed,
    answer: impl Fn(i8, String, &Changed) -> A,
) -> (Vec<A>, Vec<MetadataRecord>) {
    let (wanted, refused) = read_resources(resources.clone());
    let refused = refused.into_iter();
    let mut answers: Vec<A> = refused
        .map(|it| answer(it.resource_type, it.name, &Err(it.error)))
        .collect();
    let mut records = Vec::new();
    for (resource, asked) in wanted {
        let changed = change(&resource, asked);
        answers.push(answer(resource.resource_type.code(), resource.name, &changed));
        records.extend(changed.into_iter().flatten());
    }
    if let Err(error) = check_size(&records) {
        let refused = Err(error);
        answers = resources.map(|(code, name, _)| answer(code, name, &refused)).collect();
        records.clear();
    }
    (answers, records)
}
