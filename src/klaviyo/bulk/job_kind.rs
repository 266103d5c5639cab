//! The kinds of bulk jobs: their paths, limits and envelopes.

use serde::Serialize;

use crate::domain::ListId;
use crate::klaviyo::request::{
    PROFILE_IMPORT_JOBS_PATH, SUBSCRIBE_PATH, UNSUBSCRIBE_PATH, to_json,
};
use crate::klaviyo::wire::{Document, Reference, Resource};

/// The most people that one request subscribes:
/// <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>
pub const MAX_SUBSCRIPTIONS_PER_JOB: usize = 1_000;
/// <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>
const MAX_UNSUBSCRIPTIONS_PER_JOB: usize = 100;
/// <https://developers.klaviyo.com/en/reference/bulk_create_events>
const MAX_EVENTS_PER_JOB: usize = 1_000;
/// <https://developers.klaviyo.com/en/reference/bulk_import_profiles>
const MAX_PROFILES_PER_JOB: usize = 10_000;

/// The JSON pointer to the profiles of a job.
pub(in crate::klaviyo) const PROFILE_SLOTS: &str = "/data/attributes/profiles/data/";
const EVENT_SLOTS: &str = "/data/attributes/events-bulk-create/data/";

/// A kind of bulk job, without its items.
pub(super) struct JobKind {
    pub(super) path: &'static str,
    /// The body before the first item.
    pub(super) prefix: String,
    /// The body after the last item.
    pub(super) suffix: String,
    /// The JSON pointer to the items.
    pub(super) slots_pointer: &'static str,
    /// The most operations in one job.
    pub(super) max_members: usize,
}

impl JobKind {
    /// Creates a kind of job. The items go into the first empty list of the envelope.
    #[expect(clippy::expect_used, reason = "each envelope below has an empty list")]
    fn new(
        path: &'static str,
        envelope: &impl Serialize,
        slots_pointer: &'static str,
        max_members: usize,
    ) -> Self {
        let json = String::from_utf8(to_json(&Document { data: envelope })).expect("JSON is UTF-8");
        let (before, after) = json
            .split_once("[]")
            .expect("an envelope with an empty list");
        JobKind {
            path,
            prefix: [before, "["].concat(),
            suffix: ["]", after].concat(),
            slots_pointer,
            max_members,
        }
    }
}

/// A list without items, which is where [`JobKind`] puts them.
type Items = Document<[(); 0]>;

const NO_ITEMS: Items = Document { data: [] };

/// A job that is for one list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListJob {
    Add(ListId),
    Subscribe {
        list_id: ListId,
        is_historical: bool,
    },
    Unsubscribe(ListId),
}

impl ListJob {
    /// Returns the kind of the job.
    pub(super) fn kind(&self) -> JobKind {
        match self {
            ListJob::Add(list_id) => profile_import(Some(list_id)),
            ListJob::Subscribe {
                list_id,
                is_historical,
            } => JobKind::new(
                SUBSCRIBE_PATH,
                &JobForList {
                    r#type: "profile-subscription-bulk-create-job",
                    attributes: SubscriptionJob {
                        custom_source: Some("Segment"),
                        historical_import: is_historical.then_some(true),
                        profiles: NO_ITEMS,
                    },
                    relationships: ListRelationship::new(list_id),
                },
                PROFILE_SLOTS,
                MAX_SUBSCRIPTIONS_PER_JOB,
            ),
            ListJob::Unsubscribe(list_id) => JobKind::new(
                UNSUBSCRIBE_PATH,
                &JobForList {
                    r#type: "profile-subscription-bulk-delete-job",
                    attributes: SubscriptionJob {
                        custom_source: None,
                        historical_import: None,
                        profiles: NO_ITEMS,
                    },
                    relationships: ListRelationship::new(list_id),
                },
                PROFILE_SLOTS,
                MAX_UNSUBSCRIPTIONS_PER_JOB,
            ),
        }
    }
}

/// Returns the job that creates and updates profiles, and adds them to a list if there is one:
/// <https://developers.klaviyo.com/en/reference/bulk_import_profiles>
pub(super) fn profile_import(list_id: Option<&ListId>) -> JobKind {
    #[derive(Serialize)]
    struct ImportEnvelope<'o> {
        r#type: &'static str,
        attributes: ImportJob,
        #[serde(skip_serializing_if = "Option::is_none")]
        relationships: Option<ListsRelationship<'o>>,
    }
    #[derive(Serialize)]
    struct ImportJob {
        profiles: Items,
    }
    #[derive(Serialize)]
    struct ListsRelationship<'o> {
        lists: Document<[Reference<'o>; 1]>,
    }
    let envelope = ImportEnvelope {
        r#type: "profile-bulk-import-job",
        attributes: ImportJob { profiles: NO_ITEMS },
        relationships: list_id.map(|list_id| ListsRelationship {
            lists: Document {
                data: [list_reference(list_id)],
            },
        }),
    };
    JobKind::new(
        PROFILE_IMPORT_JOBS_PATH,
        &envelope,
        PROFILE_SLOTS,
        MAX_PROFILES_PER_JOB,
    )
}

/// Returns the job that records events: <https://developers.klaviyo.com/en/reference/bulk_create_events>
pub(super) fn event_creation() -> JobKind {
    #[derive(Serialize)]
    struct EventJob {
        #[serde(rename = "events-bulk-create")]
        events_bulk_create: Items,
    }
    let attributes = EventJob {
        events_bulk_create: NO_ITEMS,
    };
    let envelope = Resource {
        r#type: "event-bulk-create-job",
        attributes,
    };
    JobKind::new(
        "/api/event-bulk-create-jobs",
        &envelope,
        EVENT_SLOTS,
        MAX_EVENTS_PER_JOB,
    )
}

#[derive(Serialize)]
struct JobForList<'o> {
    r#type: &'static str,
    attributes: SubscriptionJob,
    relationships: ListRelationship<'o>,
}

#[derive(Serialize)]
struct SubscriptionJob {
    /// The source that Klaviyo shows for a consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_source: Option<&'static str>,
    /// Whether the consent was given before, so that nobody is asked for confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    historical_import: Option<bool>,
    profiles: Items,
}

#[derive(Serialize)]
struct ListRelationship<'o> {
    list: Document<Reference<'o>>,
}

impl<'o> ListRelationship<'o> {
    fn new(list_id: &'o ListId) -> Self {
        ListRelationship {
            list: Document {
                data: list_reference(list_id),
            },
        }
    }
}

fn list_reference(list_id: &ListId) -> Reference<'_> {
    Reference {
        r#type: "list",
        id: list_id.as_str(),
    }
}
