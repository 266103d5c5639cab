//! Operations → calls: few go one by one, many as jobs, packed to Klaviyo's limits.

mod job;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::call::{ApiRequest, SUBSCRIBE, json, write};
use super::operation::{Event, ListId, Operation, ProfileIdentifiers};
use super::wire::{
    BulkEvent, Consenting, EventProfile, ProfileResource, Reference, Resource, data,
};
use job::{Entry, Job};

/// A call and what it is for.
#[derive(Debug)]
pub struct PlannedRequest {
    /// The request.
    pub call: ApiRequest,
    /// The operations in each place of the job, by their index in what was packed; one place for a
    /// single call.
    places: Vec<Vec<usize>>,
    /// The JSON pointer to the places.
    pointer: &'static str,
}

/// Up to so many operations go as single calls, which Klaviyo answers for each of them; beyond, the rate
/// limits let more through as jobs (3,500 events a minute one by one, 150 jobs a minute).
const EVENTS_ONE_BY_ONE: usize = 23;
const PROFILES_ONE_BY_ONE: usize = 5;

/// How many of each kind Klaviyo takes in one request.
const EVENTS: usize = 1_000;
const PROFILES: usize = 10_000;
/// People whom one request can subscribe.
pub const SUBSCRIBERS: usize = 1_000;
const UNSUBSCRIBERS: usize = 100;
const MEMBERS: usize = 1_000;

const PROFILE_PLACES: &str = "/data/attributes/profiles/data/";
const EVENT_PLACES: &str = "/data/attributes/events-bulk-create/data/";

/// Packs operations, each of which is then in exactly one call. What still needs a profile's id from
/// Klaviyo is left out: see [`resolved`].
pub fn build_requests(operations: &[&Operation]) -> Vec<PlannedRequest> {
    let (mut profiles, mut events, mut single) = (Vec::new(), Vec::new(), Vec::new());
    let mut jobs: BTreeMap<ListJob, Vec<Entry<OnList>>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        match operation {
            Operation::UpsertProfile(profile) => profiles.push((index, profile)),
            Operation::RecordEvent(event) => events.push((index, event)),
            Operation::AddToList(it) => {
                let entry = Entry::of(index, OnList::Member(resource(&it.identity)));
                jobs.entry(ListJob::Add(it.list_id.clone()))
                    .or_default()
                    .push(entry);
            }
            Operation::Subscribe(it) => {
                let entry = Entry::of(index, OnList::Consent(resource(Consenting::subscriber(it))));
                let job = ListJob::Subscribe {
                    list: it.list_id.clone(),
                    historical: it.consented_at.is_some(),
                };
                jobs.entry(job).or_default().push(entry);
            }
            Operation::Unsubscribe(it) => {
                let entry = Entry::of(
                    index,
                    OnList::Consent(resource(Consenting::unsubscriber(it))),
                );
                jobs.entry(ListJob::Unsubscribe(it.list_id.clone()))
                    .or_default()
                    .push(entry);
            }
            Operation::Delete(it) if it.email.is_some() => {
                single.push(PlannedRequest::single(index, ApiRequest::delete(None, it)))
            }
            Operation::Delete(_) | Operation::RemoveFromList(_) => {}
        }
    }
    let mut packed = single;
    if profiles.len() <= PROFILES_ONE_BY_ONE {
        packed.extend(profiles.iter().map(|(index, profile)| {
            PlannedRequest::single(*index, ApiRequest::upsert_profile(profile))
        }));
    } else {
        let entry = |(index, profile)| Entry::of(index, ProfileResource(profile));
        packed.extend(import_job(None).write_requests(profiles.into_iter().map(entry)));
    }
    if events.len() <= EVENTS_ONE_BY_ONE {
        packed.extend(
            events.iter().map(|(index, event)| {
                PlannedRequest::single(*index, ApiRequest::create_event(event))
            }),
        );
    } else {
        packed.extend(event_job().write_requests(by_profile(&events)));
    }
    packed.extend(
        jobs.into_iter()
            .flat_map(|(job, entries)| job.job().write_requests(entries)),
    );
    packed
}

/// The calls for operations that name their profile by Klaviyo's own id, which `id_of` knows. What is
/// about a profile without one is left out.
pub fn build_requests_by_id<'i>(
    operations: &[&Operation],
    id_of: impl Fn(&ProfileIdentifiers) -> Option<&'i str>,
) -> Vec<PlannedRequest> {
    let mut packed = Vec::new();
    let mut removals: BTreeMap<&ListId, Vec<(usize, &str)>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        match operation {
            Operation::Delete(identity) if identity.email.is_none() => {
                let call = id_of(identity).map(|id| ApiRequest::delete(Some(id), identity));
                packed.extend(call.map(|call| PlannedRequest::single(index, call)));
            }
            Operation::RemoveFromList(it) => {
                let id = id_of(&it.identity);
                removals
                    .entry(&it.list_id)
                    .or_default()
                    .extend(id.map(|id| (index, id)));
            }
            _ => {}
        }
    }
    for (list_id, members) in removals {
        packed.extend(members.chunks(MEMBERS).map(|members| {
            let ids: Vec<_> = members.iter().map(|(_, id)| *id).collect();
            let places = members.iter().map(|(index, _)| vec![*index]).collect();
            PlannedRequest {
                call: ApiRequest::remove_from_list(list_id, &ids),
                places,
                pointer: "/data/",
            }
        }));
    }
    packed
}

impl PlannedRequest {
    fn single(index: usize, call: ApiRequest) -> Self {
        PlannedRequest {
            call,
            places: vec![vec![index]],
            pointer: "",
        }
    }

    /// Everything the call is for.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        self.places.iter().flatten().copied()
    }

    /// The operations that a pointer in Klaviyo's refusal is about; none when it names no place.
    pub fn named_by(&self, pointer: &str) -> &[usize] {
        let mut path = pointer
            .strip_prefix(self.pointer)
            .unwrap_or_default()
            .split('/');
        let place = path.next().and_then(|index| index.parse::<usize>().ok());
        let Some(members) = place.and_then(|place| self.places.get(place)) else {
            return &[];
        };
        // `<place>/attributes/events/data/<member>/…`: one event of a profile.
        let member = path
            .skip_while(|step| *step != "events")
            .nth(2)
            .and_then(|index| index.parse::<usize>().ok());
        match member.and_then(|member| members.get(member..=member)) {
            Some(member) => member,
            None => members,
        }
    }
}

/// A kind of job that is for one list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum ListJob {
    Add(ListId),
    Subscribe { list: ListId, historical: bool },
    Unsubscribe(ListId),
}

impl ListJob {
    fn job(&self) -> Job {
        match self {
            ListJob::Add(list) => import_job(Some(list)),
            ListJob::Subscribe { list, historical } => Job {
                path: SUBSCRIBE,
                head: format!(
                    r#"{{"data":{{"type":"profile-subscription-bulk-create-job","attributes":{{"custom_source":"Segment",{}"profiles":{{"data":["#,
                    if *historical { r#""historical_import":true,"# } else { "" },
                ),
                tail: format!(r#"]}}}},"relationships":{{"list":{}}}}}}}"#, list_reference(list)),
                pointer: PROFILE_PLACES,
                most: SUBSCRIBERS,
            },
            ListJob::Unsubscribe(list) => Job {
                path: "/api/profile-subscription-bulk-delete-jobs",
                head: r#"{"data":{"type":"profile-subscription-bulk-delete-job","attributes":{"profiles":{"data":["#
                    .into(),
                tail: format!(r#"]}}}},"relationships":{{"list":{}}}}}}}"#, list_reference(list)),
                pointer: PROFILE_PLACES,
                most: UNSUBSCRIBERS,
            },
        }
    }
}

/// <https://developers.klaviyo.com/en/reference/bulk_import_profiles>
fn import_job(list: Option<&ListId>) -> Job {
    let lists = list.map(|list| {
        let reference = Reference {
            r#type: "list",
            id: list.as_str(),
        };
        let references = String::from_utf8_lossy(&json(&[reference])).into_owned();
        format!(r#","relationships":{{"lists":{{"data":{references}}}}}"#)
    });
    Job {
        path: "/api/profile-bulk-import-jobs",
        head: r#"{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":["#
            .into(),
        tail: format!("]}}}}{}}}}}", lists.unwrap_or_default()),
        pointer: PROFILE_PLACES,
        most: PROFILES,
    }
}

/// <https://developers.klaviyo.com/en/reference/bulk_create_events>
fn event_job() -> Job {
    Job {
        path: "/api/event-bulk-create-jobs",
        head: r#"{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":["#.into(),
        tail: "]}}}}".into(),
        pointer: EVENT_PLACES,
        most: EVENTS,
    }
}

/// What a profile's events begin with is hardly ever longer.
const OPENING: usize = 320;

/// Events of the same profile stand together in one place.
fn by_profile<'o>(events: &[(usize, &'o Event)]) -> Vec<Entry<Resource<BulkEvent<'o>>>> {
    let mut places: Vec<Entry<_>> = Vec::with_capacity(events.len());
    let mut place_of: HashMap<Vec<u8>, usize> = HashMap::with_capacity(events.len());
    for (index, event) in events {
        let mut open = Vec::with_capacity(OPENING);
        open.extend_from_slice(br#"{"type":"event-bulk-create","attributes":{"profile":"#);
        write(&data("profile", EventProfile(&event.profile)), &mut open);
        open.extend_from_slice(br#","events":{"data":["#);
        let place = *place_of.entry(open).or_insert_with(|| {
            places.push(Entry {
                open: Vec::new(),
                members: Vec::new(),
                close: "]}}}",
            });
            places.len() - 1
        });
        if let Some(entry) = places.get_mut(place) {
            entry.members.push((
                *index,
                Resource {
                    r#type: "event",
                    attributes: BulkEvent(event),
                },
            ));
        }
    }
    for (open, place) in place_of {
        if let Some(entry) = places.get_mut(place) {
            entry.open = open;
        }
    }
    places
}

/// Who is in a job that is for one list.
#[derive(Serialize)]
#[serde(untagged)]
enum OnList<'o> {
    Member(Resource<&'o ProfileIdentifiers<'o>>),
    Consent(Resource<Consenting<'o>>),
}

fn list_reference(list: &ListId) -> String {
    let reference = super::wire::Data {
        data: Reference {
            r#type: "list",
            id: list.as_str(),
        },
    };
    String::from_utf8_lossy(&json(&reference)).into_owned()
}

fn resource<A>(attributes: A) -> Resource<A> {
    Resource {
        r#type: "profile",
        attributes,
    }
}
