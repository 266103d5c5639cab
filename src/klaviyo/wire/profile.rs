//! Profiles: <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::json::JsonObject;
use crate::klaviyo::profile::{PhoneChange, Profile, ProfileIdentifiers};

/// A profile as `profile-import` and import jobs take it.
pub(in crate::klaviyo) struct ProfileResource<'o>(pub(in crate::klaviyo) &'o Profile<'o>);

impl Serialize for ProfileResource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Meta<'o> {
            patch_properties: PatchProperties<'o>,
        }
        let ProfileResource(profile) = self;
        let mut resource = serializer.serialize_struct("profile", 3)?;
        resource.serialize_field("type", "profile")?;
        resource.serialize_field("attributes", &ProfileAttributes(profile))?;
        let patch_properties = PatchProperties(profile);
        if !patch_properties.is_empty() {
            resource.serialize_field("meta", &Meta { patch_properties })?;
        }
        resource.end()
    }
}

/// The changes of custom properties. A property of `null` is one of them: import jobs ignore nulls,
/// and a profile has to become the same alone and in a job.
/// <https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api>
struct PatchProperties<'o>(&'o Profile<'o>);

impl PatchProperties<'_> {
    fn is_empty(&self) -> bool {
        self.0.patch.is_empty() && self.0.properties.null_keys().next().is_none()
    }
}

impl Serialize for PatchProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Profile {
            patch, properties, ..
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if !patch.append.is_empty() {
            map.serialize_entry("append", &patch.append)?;
        }
        if !patch.unappend.is_empty() {
            map.serialize_entry("unappend", &patch.unappend)?;
        }
        let unset: Vec<_> = patch.unset.iter().chain(properties.null_keys()).collect();
        if !unset.is_empty() {
            map.serialize_entry("unset", &unset)?;
        }
        map.end()
    }
}

/// Custom properties, without those of `null`.
struct SetProperties<'o>(&'o JsonObject<'o>);

impl Serialize for SetProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let set = self.0.iter().filter(|(_, value)| !value.is_null());
        serializer.collect_map(set.map(|(key, value)| (key, value)))
    }
}

/// The attributes of a profile. An event carries these and no more of its profile.
pub(in crate::klaviyo) struct ProfileAttributes<'o>(pub(in crate::klaviyo) &'o Profile<'o>);

impl Serialize for ProfileAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProfileAttributes(profile) = self;
        let mut map = serializer.serialize_map(None)?;
        serialize_identifiers(&profile.identifiers, &mut map)?;
        match &profile.phone_number {
            Some(PhoneChange::Set(number)) => map.serialize_entry("phone_number", number)?,
            Some(PhoneChange::Clear) => map.serialize_entry("phone_number", &())?,
            None => {}
        }
        for (name, value) in profile.attributes.iter() {
            map.serialize_entry(name, value)?;
        }
        if !profile.location.is_empty() {
            map.serialize_entry("location", &profile.location)?;
        }
        if profile.properties.iter().any(|(_, value)| !value.is_null()) {
            map.serialize_entry("properties", &SetProperties(&profile.properties))?;
        }
        map.end()
    }
}

/// The attributes of a profile that is only named.
pub(in crate::klaviyo) struct IdentifierAttributes<'o>(
    pub(in crate::klaviyo) &'o ProfileIdentifiers<'o>,
);

impl Serialize for IdentifierAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_identifiers(self.0, &mut map)?;
        map.end()
    }
}

fn serialize_identifiers<M: SerializeMap>(
    identifiers: &ProfileIdentifiers,
    map: &mut M,
) -> Result<(), M::Error> {
    if let Some(email) = identifiers.email() {
        map.serialize_entry("email", email)?;
    }
    if let Some(external_id) = identifiers.external_id() {
        map.serialize_entry("external_id", external_id)?;
    }
    match identifiers {
        ProfileIdentifiers::PhoneNumber(number) => map.serialize_entry("phone_number", number)?,
        ProfileIdentifiers::ExchangeId(id) => map.serialize_entry("_kx", id)?,
        ProfileIdentifiers::Email { .. } | ProfileIdentifiers::ExternalId(_) => {}
    }
    Ok(())
}
