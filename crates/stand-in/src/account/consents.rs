//! Consents given and taken back.

use serde_json::Value;

use super::{Account, No, Reply, accepted, all, array, expect_type, no, text};

/// A consent as Klaviyo recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The address it is for.
    pub email: Option<String>,
    /// The number it is for.
    pub phone_number: Option<String>,
    /// The list it was given for.
    pub list_id: String,
    /// `false` for one that was taken back.
    pub subscribed: bool,
    /// `None`: Klaviyo asked for confirmation.
    pub consented_at: Option<String>,
}

const PLACES: &str = "/data/attributes/profiles/data";

impl Account {
    pub(super) fn subscribe(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile-subscription-bulk-create-job")?;
        self.consent(body, 1_000, true)
    }

    pub(super) fn unsubscribe(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile-subscription-bulk-delete-job")?;
        self.consent(body, 100, false)
    }

    fn consent(&mut self, body: &Value, most: usize, subscribed: bool) -> Result<Reply, No> {
        let list_id = text(body, "/data/relationships/list/data/id")?;
        let historical =
            body.pointer("/data/attributes/historical_import") == Some(&Value::Bool(true));
        let count = array(body, PLACES, most)?.len();
        let consents = all((0..count).map(|index| {
            let pointer = format!("{PLACES}/{index}/attributes");
            let mut channels = Vec::new();
            for (channel, identifier) in [("email", "email"), ("sms", "phone_number")] {
                let marketing =
                    body.pointer(&format!("{pointer}/subscriptions/{channel}/marketing"));
                let Some(marketing) = marketing else { continue };
                let who = text(body, &format!("{pointer}/{identifier}"))?;
                let consented_at = marketing
                    .get("consented_at")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                if consented_at.is_some() != historical {
                    return Err(no(
                        400,
                        "invalid",
                        format!("{pointer}/subscriptions/{channel}"),
                    ));
                }
                let who = |name| (name == identifier).then(|| who.clone());
                let (email, phone_number) = (who("email"), who("phone_number"));
                channels.push(Consent {
                    email,
                    phone_number,
                    list_id: list_id.clone(),
                    subscribed,
                    consented_at,
                });
            }
            if channels.is_empty() {
                Err(no(400, "invalid", pointer))
            } else {
                Ok(channels)
            }
        }))?;
        self.consents.extend(consents.into_iter().flatten());
        accepted(202)
    }
}
