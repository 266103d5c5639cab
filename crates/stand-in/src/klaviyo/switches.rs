//! What differs from one Klaviyo account to another, and what its public descriptions leave open.

use serde::{Deserialize, Serialize};

/// The switches of an account. Of what the descriptions leave open, the default is what is harder
/// on the sender.
///
/// Over HTTP they are members of the body of `POST options`, by the names of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Whether a `null` in a bulk import refuses the request; else it leaves the field as it was.
    pub refuse_bulk_nulls: bool,
    /// Whether the answer to a bulk import names its job.
    pub name_import_jobs: bool,
    /// The milliseconds that an import job takes: it is queued for the first half of them and
    /// processed in the second. The profiles are updated at once.
    pub import_ms: u64,
    /// Whether an email address that nobody has, beside an identifier of somebody who has another
    /// one, is a conflict; else it becomes theirs.
    pub refuse_new_emails: bool,
    /// Whether work for a list that was not created is refused with 404.
    pub refuse_unknown_lists: bool,
    /// Whether the account's own process is single opt-in. It counts for subscriptions without a
    /// list.
    pub single_opt_in_account: bool,
    /// Whether a double opt-in subscription lifts suppressions when it is confirmed; else when it
    /// is asked for.
    pub lift_on_confirm: bool,
    /// Whether an impossible phone number refuses a single import or an event; else it is left out
    /// beside another identifier and named in `X-Klaviyo-Partial-Failure`.
    pub refuse_bad_phones: bool,
    /// Whether an impossible phone number is left out of a subscription job, beside another
    /// identifier; else it refuses the job.
    pub leave_out_bad_subscriber_phones: bool,
    /// The calling codes that the account can send SMS to, such as `+1`; all when `None`.
    pub sms_countries: Option<Vec<String>>,
    /// The place that the refusal of an SMS consent names when the account cannot send to the
    /// number.
    pub sms_pointer: SmsPointer,
    /// Whether an SMS consent needs the `age_gated_date_of_birth` of an adult.
    pub age_gate: bool,
    /// Whether the revision of the function is retired without a successor: every request is
    /// answered 410.
    pub revision_retired: bool,
    /// The most metrics that the account has. An event that needs one more is refused.
    pub max_metrics: usize,
    /// Whether a `value_currency` need not be in ISO 4217.
    pub accept_bad_currencies: bool,
    /// Whether a `locale` need not be a language tag.
    pub accept_bad_locales: bool,
    /// Whether a `location.timezone` need not be in the IANA Time Zone Database.
    pub accept_bad_timezones: bool,
    /// Whether an `image` need not be an address.
    pub accept_bad_images: bool,
}

/// A place of an SMS consent that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsPointer {
    /// The whole request.
    #[default]
    Data,
    /// The phone number.
    PhoneNumber,
    /// The consent to SMS.
    Subscriptions,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            refuse_bulk_nulls: false,
            name_import_jobs: true,
            import_ms: 500,
            refuse_new_emails: false,
            refuse_unknown_lists: false,
            single_opt_in_account: false,
            lift_on_confirm: false,
            refuse_bad_phones: false,
            leave_out_bad_subscriber_phones: false,
            sms_countries: None,
            sms_pointer: SmsPointer::Data,
            age_gate: false,
            revision_retired: false,
            max_metrics: 200,
            accept_bad_currencies: false,
            accept_bad_locales: false,
            accept_bad_timezones: false,
            accept_bad_images: false,
        }
    }
}
