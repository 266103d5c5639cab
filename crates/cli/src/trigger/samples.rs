//! The samples, by name.

use segment_klaviyo::signature::{SIGNATURE_HEADER, sign};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A sample of a request.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    /// The event of API Gateway.
    event: &'static str,
}

/// The part of API Gateway's event that is used.
#[derive(Deserialize)]
struct Event {
    headers: BTreeMap<String, String>,
    body: String,
}

macro_rules! sample {
    ($name:literal, $purpose:literal) => {
        Sample {
            name: $name,
            purpose: $purpose,
            event: include_str!(concat!("../../../../events/", $name, ".json")),
        }
    };
}

/// All samples that are requests of Segment's webhook.
pub(super) const SAMPLES: &[Sample] = &[
    sample!(
        "order-completed",
        "an order of two products, as a shop's website sends it"
    ),
    sample!("checkout-started", "the beginning of a checkout"),
    sample!("product-added", "a product that is put into the cart"),
    sample!(
        "track-without-email",
        "an event of somebody unknown, which is ignored by default"
    ),
    sample!("identify", "a profile with traits"),
    sample!(
        "identify-add-to-list",
        "a profile that subscribes to a list"
    ),
    sample!(
        "identify-confirmed-optin",
        "a profile that has confirmed already, from a server"
    ),
    sample!(
        "batch",
        "six messages of all kinds, of which one is rejected"
    ),
    sample!("unsigned", "a request without a signature: 401"),
    sample!("invalid-signature", "a request with a wrong signature: 401"),
];

impl Sample {
    /// Returns the sample of this name.
    pub(super) fn find(name: &str) -> Result<&'static Self, String> {
        let mut nearest = (0.7, None);
        for sample in SAMPLES {
            if sample.name == name {
                return Ok(sample);
            }
            let similarity = strsim::jaro(sample.name, name);
            if similarity > nearest.0 {
                nearest = (similarity, Some(sample.name));
            }
        }
        Err(match nearest.1 {
            Some(nearest) => format!("there is no sample {name}; did you mean {nearest}?"),
            None => format!("there is no sample {name}; `trigger --list` shows all"),
        })
    }

    fn event(&self) -> Result<Event, String> {
        serde_json::from_str(self.event)
            .map_err(|error| format!("the sample {}: {error}", self.name))
    }

    /// Returns the body of the request.
    pub(super) fn body(&self) -> Result<String, String> {
        Ok(self.event()?.body)
    }

    /// Returns the signature of another body in this sample's place: a good one, unless the sample is
    /// about one that is missing or wrong.
    pub(super) fn signature(&self, body: &str, secret: &str) -> Option<String> {
        match self.name {
            "unsigned" => None,
            "invalid-signature" => self.event().ok()?.headers.remove(SIGNATURE_HEADER),
            _ => sign(body.as_bytes(), secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_request_and_a_misspelled_name_is_recognized() {
        for sample in SAMPLES {
            let body = sample.body().unwrap();
            let signature = sample.signature(&body, "local-shared-secret");
            let event = sample.event().unwrap();
            // Samples are signed with this secret, so nothing changes.
            assert_eq!(
                signature.as_ref(),
                event.headers.get(SIGNATURE_HEADER),
                "{}",
                sample.name
            );
        }
        let problem = Sample::find("order-complete").err().unwrap();
        assert!(
            problem.ends_with("did you mean order-completed?"),
            "{problem}"
        );
    }
}
