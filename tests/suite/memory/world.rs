//! A generated world: visitors on devices, some of them shared, who browse, log in and leave, and
//! whose messages arrive in random deliveries in random order, at instances that take turns, through
//! a table and a Klaviyo that fail. In the end every event of somebody who was known is there once,
//! and none is under somebody else's address.
//!
//! `WORLD_STEPS` and `WORLD_SEED` choose another world.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::holding::HOLD;
use super::ways::QUEUED;
use super::{REMEMBER, login, view};
use crate::support::paths::{EVENT_JOBS, EVENTS};
use crate::support::people::person;
use crate::support::settings::Setting;
use crate::support::shop::Shop;

const VISITORS: usize = 2_000;
const DEVICES: usize = 1_500;

/// The number of devices that are in use at a time.
const IN_USE: usize = 50;

/// The steps after which another device comes into use.
const STEPS_PER_DEVICE: usize = 40;

/// The messages within which any of them may arrive first. Whoever takes over a device does so
/// later than that: what arrives only afterwards may be anybody's.
const WINDOW: usize = 60;

/// The percentage of deliveries for which the table or Klaviyo fails.
const FAULT_PERCENT: u32 = 20;

const SETTINGS: [Setting<'_>; 2] = [REMEMBER, ("DELIVERY_BUDGET_MS", "20000")];

/// A device, and who is at it.
#[derive(Clone, Default)]
struct Device {
    /// How often its anonymousId was reset.
    resets: usize,
    visitor: Option<usize>,
    /// Whether the visitor has told who they are since they came.
    is_logged_in: bool,
    /// The step of the last login under this anonymousId.
    last_login: Option<usize>,
    /// How many people have logged in under it.
    people: usize,
    /// The events since the last reset that nobody has logged in after.
    nobodys: Vec<String>,
}

/// What a world has made.
#[derive(Default)]
struct History {
    messages: Vec<Value>,
    /// Whom each event is to be under, if anybody: whoever had logged in, else whoever does next.
    owners: BTreeMap<String, usize>,
    /// The number of events.
    events: usize,
    /// The events that must be there: those of people who had logged in before.
    known: Vec<String>,
}

fn generate(steps: usize, random: &mut fastrand::Rng) -> History {
    let mut devices = vec![Device::default(); DEVICES];
    let mut history = History::default();
    for step in 0..steps {
        // A few devices are in use at a time.
        let number = (step / STEPS_PER_DEVICE + random.usize(..IN_USE)) % DEVICES;
        let Some(device) = devices.get_mut(number) else {
            continue;
        };
        let minute = u32::try_from(step).unwrap();
        let choice = random.u32(..100);
        // Somebody else comes: after a reset, or long after the last login.
        let is_quiet = device
            .last_login
            .is_none_or(|last| step - last > 2 * WINDOW);
        let visitor = match device.visitor {
            Some(visitor) if choice >= 8 => visitor,
            Some(_) if choice >= 3 || !is_quiet => {
                device.resets += 1;
                device.visitor = None;
                device.is_logged_in = false;
                device.last_login = None;
                device.people = 0;
                device.nobodys = Vec::new();
                continue;
            }
            _ => {
                // One in three devices is a person's own.
                let visitor = if number.is_multiple_of(3) {
                    number
                } else {
                    random.usize(..VISITORS)
                };
                device.visitor = Some(visitor);
                device.is_logged_in = false;
                visitor
            }
        };
        let anonymous_id = format!("d{number}.{}", device.resets);
        if choice >= 85 || (!device.is_logged_in && device.last_login.is_some()) {
            // At a device that has been somebody's, whoever comes logs in first.
            let ids = json!({"userId": format!("u{visitor}"), "anonymousId": anonymous_id});
            history.messages.push(login(&person(visitor), minute, ids));
            device.people += usize::from(!device.is_logged_in);
            device.is_logged_in = true;
            device.last_login = Some(step);
            for event in device.nobodys.drain(..) {
                history.owners.insert(event, visitor);
            }
            continue;
        }
        let id = format!("e{step}");
        let mut ids = json!({"anonymousId": anonymous_id});
        // Segment's library sends the userId until the next reset. Without it, nobody could tell who
        // of two people it is before the second login arrives.
        if device.is_logged_in && (device.people > 1 || choice.is_multiple_of(2)) {
            ids["userId"] = format!("u{visitor}").into();
        }
        if device.is_logged_in {
            history.known.push(id.clone());
            history.owners.insert(id.clone(), visitor);
        } else {
            device.nobodys.push(id.clone());
        }
        history.events += 1;
        history.messages.push(view(&id, minute, ids));
    }
    history
}

/// Cuts messages into deliveries, each message at most a window from its place.
fn deliveries(messages: Vec<Value>, random: &mut fastrand::Rng) -> Vec<Vec<Value>> {
    let mut order: Vec<_> = messages.into_iter().enumerate().collect();
    order.sort_by_cached_key(|(place, _)| place + random.usize(..WINDOW));
    let mut deliveries = Vec::new();
    let mut rest = order.into_iter().map(|(_, message)| message).peekable();
    while rest.peek().is_some() {
        let count = random.usize(1..=40);
        deliveries.push(rest.by_ref().take(count).collect());
    }
    deliveries
}

#[tokio::test]
async fn no_event_is_under_somebody_elses_address_and_none_is_doubled() {
    live(&SETTINGS, false).await;
}

#[tokio::test]
async fn no_event_of_somebody_who_logs_in_is_lost_if_events_wait() {
    live(&[&SETTINGS[..], &[HOLD]].concat(), true).await;
}

#[tokio::test]
async fn no_event_is_lost_if_everything_goes_through_the_queue() {
    live(&[&SETTINGS[..], &[HOLD, QUEUED]].concat(), true).await;
}

/// Lives through a world. With `holds`, nothing of somebody who logs in may be lost.
async fn live(settings: &[Setting<'_>], holds: bool) {
    let number = |name: &str, default: usize| match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    };
    let (steps, seed) = (number("WORLD_STEPS", 3_000), number("WORLD_SEED", 7));
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let history = generate(steps, &mut random);
    let shop = Shop::open_with_instances(3, settings).await;
    for (turn, delivery) in deliveries(history.messages, &mut random)
        .into_iter()
        .enumerate()
    {
        let is_faulty = random.u32(..100) < FAULT_PERCENT;
        if is_faulty {
            match random.u32(..3) {
                0 => shop.set_ledger_down(true),
                1 => shop.klaviyo().throttle(EVENTS).times(30),
                _ => shop.klaviyo().disconnect(EVENT_JOBS).but_apply().times(2),
            }
        }
        shop.send_until_taken(turn % 3, delivery).await;
        if is_faulty {
            shop.set_ledger_down(false);
            shop.klaviyo().recover();
            shop.redeliver().await;
        }
    }
    for _ in 0..50 {
        if shop.retry_queue().is_empty() {
            break;
        }
        // Import jobs take their time.
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.redeliver().await;
    }
    assert_eq!(shop.retry_queue(), [] as [Value; 0]);
    assert_eq!(shop.dead_letters(), [] as [Value; 0]);

    let profiles = shop.klaviyo().profiles();
    let mut delivered = BTreeMap::new();
    for event in shop.klaviyo().events() {
        let id = event.unique_id;
        let email = profiles[event.profile]["email"].as_str().unwrap();
        let owner = history.owners.get(&id).map(|owner| person(*owner));
        assert_eq!(Some(email), owner.as_deref(), "{id} of seed {seed}");
        assert_eq!(
            delivered.insert(id.clone(), email.to_owned()),
            None,
            "{id} twice"
        );
    }
    let missing: Vec<_> = history
        .known
        .iter()
        .filter(|id| !delivered.contains_key(*id))
        .collect();
    let all = history.events;
    if holds {
        let lost: Vec<_> = history
            .owners
            .keys()
            .filter(|id| !delivered.contains_key(*id))
            .collect();
        assert_eq!(lost, [] as [&String; 0], "of seed {seed}");
    }
    // What arrives before the login that names its device is lost without holding.
    let share = missing.len() as f64 / history.known.len() as f64;
    println!(
        "{} of {all} events delivered, {} known and missing",
        delivered.len(),
        missing.len()
    );
    assert!(
        share < 0.1,
        "{} of {}: {missing:?}",
        missing.len(),
        history.known.len()
    );
    assert!(delivered.len() * 2 > all, "{} of {all}", delivered.len());
}
