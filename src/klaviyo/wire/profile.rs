//! Profiles: <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::super::operation::{Patch, Profile, ProfileIdentifiers};

/// A profile as `profile-import` and import jobs take it.
pub(in super::super) struct ProfileResource<'o>(pub(in super::super) &'o Profile<'o>);

impl Serialize for ProfileResource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Meta<'o> {
            patch_properties: &'o Patch<'o>,
        }
        let patch = &self.0.patch;
        let mut resource = serializer.serialize_struct("profile", 3)?;
        resource.serialize_field("type", "profile")?;
        resource.serialize_field("attributes", &EventProfile(self.0))?;
        if !patch.is_empty() {
            resource.serialize_field(
                "meta",
                &Meta {
                    patch_properties: patch,
                },
            )?;
        }
        resource.end()
    }
}

/// The attributes of a profile, which is what an event carries of its own.
pub(in super::super) struct EventProfile<'o>(pub(in super::super) &'o Profile<'o>);

impl Serialize for EventProfile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Profile {
            identity,
            phone_number,
            attributes,
            location,
            properties,
            patch: _,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        identifiers(identity, &mut map)?;
        if let Some(phone_number) = phone_number {
            map.serialize_entry("phone_number", phone_number)?;
        }
        for (name, value) in attributes.iter() {
            map.serialize_entry(name, value)?;
        }
        for (name, fields) in [("location", location), ("properties", properties)] {
            if !fields.is_empty() {
                map.serialize_entry(name, fields)?;
            }
        }
        map.end()
    }
}

/// The attributes of a profile that nothing else is told of.
impl Serialize for ProfileIdentifiers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        identifiers(self, &mut map)?;
        map.end()
    }
}

fn identifiers<M: SerializeMap>(
    identity: &ProfileIdentifiers,
    map: &mut M,
) -> Result<(), M::Error> {
    if let Some(email) = &identity.email {
        map.serialize_entry("email", email)?;
    }
    if let Some(external_id) = &identity.external_id {
        map.serialize_entry("external_id", external_id)?;
    }
    Ok(())
}

impl Serialize for Patch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, fields) in [("append", &self.append), ("unappend", &self.unappend)] {
            if !fields.is_empty() {
                map.serialize_entry(name, fields)?;
            }
        }
        if !self.unset.is_empty() {
            map.serialize_entry("unset", &self.unset)?;
        }
        map.end()
    }
}
