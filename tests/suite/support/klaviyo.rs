//! The Klaviyo account of a shop: what it holds, the requests that it got, and how it fails.

use std::sync::MutexGuard;
use std::time::Duration;

use segment_klaviyo_stand_in::{
    Channel, Chaos, Consent, ConsentRecord, ConsentSetting, ConsentState, EventRecord,
    RecordedRequest, StandIn, StandInState, Switches,
};
use serde_json::{Map, Value, json};

use super::faults::PendingFault;

/// The seconds that a throttling Klaviyo asks to wait: longer than any delivery.
const RETRY_AFTER: u64 = 120;

/// Longer than any budget.
const FOREVER: Duration = Duration::from_secs(60);

/// A way to make Klaviyo fail, as a column of a table.
pub(crate) type Trouble = fn(&Klaviyo);

/// A view of the stand-in's Klaviyo. What it returns is a copy, so that no test holds a lock.
pub(crate) struct Klaviyo<'s> {
    stand_in: &'s StandIn,
}

/// The account and its requests.
impl<'s> Klaviyo<'s> {
    pub(crate) fn of(stand_in: &'s StandIn) -> Self {
        Klaviyo { stand_in }
    }

    fn state(&self) -> MutexGuard<'s, StandInState> {
        self.stand_in.state()
    }

    pub(crate) fn events(&self) -> Vec<EventRecord> {
        self.state().account.events.clone()
    }

    /// Returns the unique ids of all events, sorted.
    pub(crate) fn event_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self
            .events()
            .into_iter()
            .map(|event| event.unique_id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Returns the attributes of each profile. A profile's index is its id.
    pub(crate) fn profiles(&self) -> Vec<Map<String, Value>> {
        self.state().account.profiles.clone()
    }

    /// Returns the attributes of the profile with this address.
    pub(crate) fn profile(&self, email: &str) -> Map<String, Value> {
        self.profiles()
            .into_iter()
            .find(|profile| profile.get("email").is_some_and(|value| value == email))
            .unwrap_or_else(|| panic!("no profile of {email}"))
    }

    /// Returns the consents given and withdrawn, in the order in which they arrived.
    pub(crate) fn consents(&self) -> Vec<ConsentRecord> {
        self.state().account.consents.clone()
    }

    /// Puts the person with this address into a state of consent.
    pub(crate) fn set_consent(&self, state: ConsentState, email: &str) {
        let setting = ConsentSetting::of_email(state, email);
        self.state().account.set_consent(&setting);
    }

    /// Puts the person with this address into a state of consent, as of a time.
    pub(crate) fn set_consent_at(&self, state: ConsentState, email: &str, time: &str) {
        let mut setting = ConsentSetting::of_email(state, email);
        setting.at = Some(time.to_owned());
        self.state().account.set_consent(&setting);
    }

    /// Subscribes the person with this address to a list.
    pub(crate) fn put_on_list(&self, list_id: &str, email: &str) {
        let mut setting = ConsentSetting::of_email(ConsentState::Subscribed, email);
        setting.list = Some(list_id.to_owned());
        self.state().account.set_consent(&setting);
    }

    /// Subscribes the person with this number, and no address, to a list.
    pub(crate) fn put_number_on_list(&self, list_id: &str, number: &str) {
        let mut setting = ConsentSetting::of_email(ConsentState::Subscribed, "");
        setting.email = None;
        setting.phone_number = Some(number.to_owned());
        setting.list = Some(list_id.to_owned());
        self.state().account.set_consent(&setting);
    }

    /// Adds a profile, as if it had always been there.
    pub(crate) fn add_profile(&self, email: &str, phone_number: Option<&str>) {
        let mut setting = ConsentSetting::of_email(ConsentState::NeverSubscribed, email);
        setting.phone_number = phone_number.map(str::to_owned);
        self.state().account.set_consent(&setting);
    }

    /// Returns the addresses of the people on a list, sorted.
    pub(crate) fn members(&self, list_id: &str) -> Vec<String> {
        let state = self.state();
        let account = &state.account;
        let mut emails = Vec::new();
        for index in account.lists.get(list_id).into_iter().flatten() {
            let email = account.profiles[*index].get("email");
            emails.extend(email.and_then(Value::as_str).map(str::to_owned));
        }
        emails.sort_unstable();
        emails
    }

    /// Returns what an address has agreed to.
    pub(crate) fn email_consent(&self, email: &str) -> Consent {
        self.state().account.standing(Channel::Email, email).consent
    }

    /// Returns the addresses of people who had left and may be written to again.
    pub(crate) fn lifted(&self) -> Vec<String> {
        let lifted = self.state().account.lifted.clone();
        lifted
            .into_iter()
            .filter_map(|record| record.email)
            .collect()
    }

    /// Changes the switches of the account.
    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state().account.switches);
    }

    /// Returns the number of profiles on a list.
    pub(crate) fn list_size(&self, list_id: &str) -> usize {
        self.state().account.lists[list_id].len()
    }

    /// Returns the number of lists that have members.
    pub(crate) fn list_count(&self) -> usize {
        self.state().account.lists.len()
    }

    /// Returns the field and the value by which each deletion names its profile, sorted.
    pub(crate) fn deletions(&self) -> Vec<(String, String)> {
        let mut deletions = self.state().account.deletions.clone();
        deletions.sort_unstable();
        deletions
    }

    /// Returns the consents that Klaviyo recorded without an acknowledgement.
    pub(crate) fn unacknowledged_consents(&self) -> usize {
        self.state().unacknowledged_consents
    }

    /// Returns the requests that Klaviyo got, in order.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.state().requests.clone()
    }

    /// Returns the paths of the requests that change something.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .filter(|request| request.method != "GET")
            .map(|request| request.path)
            .collect()
    }

    /// Returns the statuses that Klaviyo answered.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.requests()
            .iter()
            .map(|request| request.status)
            .collect()
    }

    /// Returns the size of each request's body as JSON.
    pub(crate) fn request_sizes(&self) -> Vec<usize> {
        self.requests()
            .iter()
            .map(|request| request.body.to_string().len())
            .collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.state().requests.clear();
    }

    /// Accepts this API key and no other.
    pub(crate) fn accept_only(&self, api_key: &str) {
        self.state().account.api_key = Some(api_key.to_owned());
    }

    /// Creates a list with this opt-in process.
    pub(crate) fn create_list(&self, list_id: &str, opt_in_process: &'static str) {
        let mut state = self.state();
        let opt_in = &mut state.account.opt_in;
        opt_in.insert(list_id.to_owned(), opt_in_process);
    }
}

/// Faults, which begin with `once`, `times` or `always`.
impl<'s> Klaviyo<'s> {
    /// Answers 429 and asks to wait for two minutes: there is no use in waiting.
    pub(crate) fn throttle(&self, path: &'static str) -> PendingFault<'s> {
        self.fail(path, 429).retry_after(RETRY_AFTER)
    }

    /// Answers this status.
    pub(crate) fn fail(&self, path: &'static str, status: u16) -> PendingFault<'s> {
        PendingFault::status(self.stand_in, path, status)
    }

    /// Answers 400, and names these places of the request.
    pub(crate) fn refuse(&self, path: &'static str, pointers: &[&str]) -> PendingFault<'s> {
        let mut errors = Vec::new();
        for pointer in pointers {
            errors.push(json!({"code": "invalid", "detail": "injected",
                               "source": {"pointer": pointer}}));
        }
        self.fail(path, 400).body(json!({"errors": errors}))
    }

    /// Closes the connection instead of answering.
    pub(crate) fn disconnect(&self, path: &'static str) -> PendingFault<'s> {
        PendingFault::disconnect(self.stand_in, path)
    }

    /// Does not answer for as long as anybody waits.
    pub(crate) fn hang(&self, path: &'static str) -> PendingFault<'s> {
        self.fail(path, 200).after(FOREVER)
    }

    /// Does its work and answers 202, but only after this time.
    pub(crate) fn delay(&self, path: &'static str, delay: Duration) -> PendingFault<'s> {
        self.fail(path, 202).after(delay).but_apply()
    }

    /// Throttles every request after the next `count`.
    pub(crate) fn throttle_after(&self, count: usize) {
        self.state().accept_then_throttle = Some(count);
    }

    /// Throttles every request to `path` after the next `count`.
    pub(crate) fn throttle_path_after(&self, path: &str, count: usize) {
        self.state().throttle_only = Some(path.to_owned());
        self.throttle_after(count);
    }

    /// Refuses requests that contain this text, without a word about where.
    pub(crate) fn refuse_bodies_with(&self, text: &str) {
        self.fail_bodies_with(text, 400);
    }

    /// Answers this status to requests that contain this text, without a word about where.
    pub(crate) fn fail_bodies_with(&self, text: &str, status: u16) {
        self.state().refuse_bodies_with = Some((text.to_owned(), status));
    }

    /// Ends every fault.
    pub(crate) fn recover(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.accept_then_throttle = None;
        state.throttle_only = None;
        state.refuse_bodies_with = None;
    }

    /// Fails at random from now on.
    pub(crate) fn start_chaos(&self, chaos: Chaos) {
        self.state().chaos = Some(chaos);
    }
}
