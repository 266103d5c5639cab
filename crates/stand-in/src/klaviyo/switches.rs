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
        }
    }
}
