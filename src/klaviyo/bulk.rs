//! Operations as requests: a few go as single requests, many as bulk jobs, packed to Klaviyo's
//! limits.

mod job_kind;
mod job_writer;
mod planned_request;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::event::Event;
use super::operation::Operation;
use super::profile::{Profile, ProfileIdentifiers};
use super::request::{ApiRequest, write_json};
use super::wire::{
    BulkEvent, ConsentAttributes, Document, IdentifierAttributes, ProfileAttributes,
    ProfileResource, Resource, resource,
};
use crate::domain::ListId;
use job_kind::ListJob;
use job_writer::{JobItem, write_requests};

pub use job_kind::MAX_SUBSCRIPTIONS_PER_JOB;
pub(super) use job_kind::PROFILE_SLOTS;
pub use planned_request::PlannedRequest;

/// How many operations of a kind go as single requests, each of which has Klaviyo's own answer. More
/// go in jobs, of which the rate limits let more through: 150 jobs of 1,000 events a minute, or 3,500
/// single events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleLimits {
    /// The most events.
    pub events: usize,
    /// The most profiles.
    pub profiles: usize,
    /// The most of a kind while Klaviyo is known to throttle its single requests: more go in a job at
    /// once, and few wait, since the limits of jobs are for full ones.
    pub while_throttled: usize,
}

impl SingleLimits {
    /// The limits of a delivery, whose sender waits for the answers.
    pub const OF_DELIVERY: SingleLimits = SingleLimits {
        events: 23,
        profiles: 5,
        while_throttled: 5,
    };
    /// The limits of messages that have waited in a queue: the single requests that Klaviyo allows
    /// are for deliveries.
    pub const OF_QUEUE: SingleLimits = SingleLimits {
        events: 1,
        profiles: 1,
        while_throttled: 0,
    };
    /// The limits of operations that Klaviyo has just throttled singly.
    pub const JOBS_ALONE: SingleLimits = SingleLimits {
        events: 0,
        profiles: 0,
        while_throttled: 0,
    };
}

/// Klaviyo takes 1,000 ids in one request:
/// <https://developers.klaviyo.com/en/reference/remove_profiles_from_list>
const MAX_MEMBERS_PER_REQUEST: usize = 1_000;

/// Plans requests so that each operation is in exactly one of them. Operations that need a profile's
/// id from Klaviyo are left to [`build_requests_by_id`].
pub fn build_requests(operations: &[&Operation]) -> Vec<PlannedRequest> {
    build_requests_within(operations, SingleLimits::OF_DELIVERY)
}

/// Plans requests as [`build_requests`] does, with other limits of single requests.
pub fn build_requests_within(
    operations: &[&Operation],
    limits: SingleLimits,
) -> Vec<PlannedRequest> {
    let mut requests = Vec::new();
    let mut profiles = Vec::new();
    let mut events = Vec::new();
    let mut list_jobs: BTreeMap<ListJob, Vec<JobItem<ListItem>>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let (job, item) = match operation {
            Operation::UpsertProfile(profile) => {
                profiles.push((index, profile));
                continue;
            }
            Operation::RecordEvent(event) => {
                events.push((index, event));
                continue;
            }
            Operation::Delete(identifiers) => {
                if let Some(email) = identifiers.email() {
                    let request = ApiRequest::delete_by_email(email);
                    requests.push(PlannedRequest::single(index, request));
                }
                continue;
            }
            Operation::RemoveFromList(_) => continue,
            Operation::AddToList(membership) => {
                let attributes = IdentifierAttributes(&membership.identifiers);
                (
                    ListJob::Add(membership.list_id.clone()),
                    ListItem::Member(profile_resource(attributes)),
                )
            }
            Operation::Subscribe(subscription) => (
                ListJob::Subscribe {
                    list_id: subscription.list_id.clone(),
                    is_historical: subscription.consented_at.is_some(),
                },
                ListItem::Consent(profile_resource(ConsentAttributes::subscribed(
                    subscription,
                ))),
            ),
            Operation::Unsubscribe(unsubscription) => (
                ListJob::Unsubscribe(unsubscription.list_id.clone()),
                ListItem::Consent(profile_resource(ConsentAttributes::unsubscribed(
                    unsubscription,
                ))),
            ),
        };
        list_jobs
            .entry(job)
            .or_default()
            .push(JobItem::single(index, item));
    }
    requests.extend(profile_requests(&profiles, limits.profiles));
    requests.extend(event_requests(&events, limits.events));
    for (job, items) in list_jobs {
        requests.extend(write_requests(&job.kind(), items));
    }
    requests
}

/// A change of a list's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ListChange {
    Add,
    Remove,
}

/// Plans requests for operations that name their profile by Klaviyo's own id, which `id_of` knows.
/// An operation about a profile without an id is left out.
pub fn build_requests_by_id<'i>(
    operations: &[&Operation],
    id_of: impl Fn(&ProfileIdentifiers) -> Option<&'i str>,
) -> Vec<PlannedRequest> {
    let mut requests = Vec::new();
    let mut changes: BTreeMap<(&ListId, ListChange), Vec<(usize, &str)>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        match operation {
            Operation::Delete(identifiers) if identifiers.email().is_none() => {
                if let Some(id) = id_of(identifiers) {
                    let request = ApiRequest::delete_by_profile_id(id);
                    requests.push(PlannedRequest::single(index, request));
                }
            }
            Operation::AddToList(membership) | Operation::RemoveFromList(membership) => {
                let change = match operation {
                    Operation::AddToList(_) => ListChange::Add,
                    _ => ListChange::Remove,
                };
                if let Some(id) = id_of(&membership.identifiers) {
                    changes
                        .entry((&membership.list_id, change))
                        .or_default()
                        .push((index, id));
                }
            }
            _ => {}
        }
    }
    for ((list_id, change), members) in changes {
        for members in members.chunks(MAX_MEMBERS_PER_REQUEST) {
            let ids: Vec<_> = members.iter().map(|(_, id)| *id).collect();
            let request = match change {
                ListChange::Add => ApiRequest::add_to_list(list_id, &ids),
                ListChange::Remove => ApiRequest::remove_from_list(list_id, &ids),
            };
            requests.push(PlannedRequest {
                request,
                slots: members.iter().map(|(index, _)| vec![*index]).collect(),
                slots_pointer: "/data/",
            });
        }
    }
    requests
}

fn profile_requests(profiles: &[(usize, &Profile)], max_single: usize) -> Vec<PlannedRequest> {
    let are_few = profiles.len() <= max_single;
    let mut requests = Vec::new();
    let mut imported = Vec::new();
    for (index, profile) in profiles {
        if are_few || profile.clears_a_field() {
            let request = ApiRequest::upsert_profile(profile);
            requests.push(PlannedRequest::single(*index, request));
        } else {
            imported.push(JobItem::single(*index, ProfileResource(profile)));
        }
    }
    if !imported.is_empty() {
        requests.extend(write_requests(&job_kind::profile_import(None), imported));
    }
    requests
}

/// Plans one request for each of these profiles, so that each has Klaviyo's own answer. Other
/// operations are left out.
pub fn build_single_profiles(operations: &[&Operation]) -> Vec<PlannedRequest> {
    let mut requests = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        if let Operation::UpsertProfile(profile) = operation {
            requests.push(PlannedRequest::single(
                index,
                ApiRequest::upsert_profile(profile),
            ));
        }
    }
    requests
}

fn event_requests(events: &[(usize, &Event)], max_single: usize) -> Vec<PlannedRequest> {
    if events.len() > max_single {
        return write_requests(&job_kind::event_creation(), group_by_profile(events));
    }
    let mut requests = Vec::with_capacity(events.len());
    for (index, event) in events {
        requests.push(PlannedRequest::single(
            *index,
            ApiRequest::create_event(event),
        ));
    }
    requests
}

/// The opening of a profile's events is hardly ever longer, so that writing one asks for memory
/// once.
const OPENING_CAPACITY: usize = 320;

/// The end of a profile's events in a job.
const EVENTS_END: &str = "]}}}";

/// Puts the events of each profile into one item of the job, in the order of their first events.
fn group_by_profile<'o>(events: &[(usize, &'o Event)]) -> Vec<JobItem<Resource<BulkEvent<'o>>>> {
    let mut members_by_opening: HashMap<Vec<u8>, Vec<_>> = HashMap::with_capacity(events.len());
    for (index, event) in events {
        let member = Resource {
            r#type: "event",
            attributes: BulkEvent(event),
        };
        members_by_opening
            .entry(events_opening(event))
            .or_default()
            .push((*index, member));
    }
    let mut items = Vec::with_capacity(members_by_opening.len());
    for (opening, members) in members_by_opening {
        items.push(JobItem {
            opening,
            members,
            closing: EVENTS_END,
        });
    }
    items.sort_unstable_by_key(|item| item.members.first().map(|(index, _)| *index));
    items
}

/// Writes everything of an item that comes before the profile's events.
fn events_opening(event: &Event) -> Vec<u8> {
    #[derive(Serialize)]
    struct ProfileEvents<'o> {
        profile: Document<Resource<ProfileAttributes<'o>>>,
        events: Document<[(); 0]>,
    }
    let attributes = ProfileEvents {
        profile: resource("profile", ProfileAttributes(&event.profile)),
        events: Document { data: [] },
    };
    let mut opening = Vec::with_capacity(OPENING_CAPACITY);
    write_json(
        &Resource {
            r#type: "event-bulk-create",
            attributes,
        },
        &mut opening,
    );
    opening.truncate(opening.len() - EVENTS_END.len());
    opening
}

/// A profile in a job that is for one list.
#[derive(Serialize)]
#[serde(untagged)]
enum ListItem<'o> {
    Member(Resource<IdentifierAttributes<'o>>),
    Consent(Resource<ConsentAttributes<'o>>),
}

fn profile_resource<A>(attributes: A) -> Resource<A> {
    Resource {
        r#type: "profile",
        attributes,
    }
}
