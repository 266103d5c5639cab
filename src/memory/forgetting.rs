//! The memory forgets: a deletion removes what it holds about a person.

use tokio::time::Instant;

use super::item;
use super::store::IdentityMemory;
use super::vault::{Name, Vault};
use crate::domain::Email;
use crate::ledger::{MAX_WRITES, TableError};

impl IdentityMemory {
    /// Removes everything about a person: the items of the user id, of their addresses, and every
    /// item that holds one of them.
    pub(super) async fn forget(
        &self,
        vaults: &[Vault],
        user_id: &str,
        now: i64,
        deadline: Instant,
    ) -> Result<(), TableError> {
        let mut item_ids = Vec::new();
        for vault in vaults {
            let user = vault.item_id(Name::User(user_id));
            let one = std::slice::from_ref(vault);
            let found = self
                .read(one, std::slice::from_ref(&user), now, deadline)
                .await?;
            let mut addresses = Vec::new();
            for stored in found.values() {
                item_ids.extend(stored.content.held.iter().cloned());
                let emails = stored.content.history.emails();
                addresses.extend(emails.map(|email| vault.item_id(Name::Address(email))));
            }
            if let Some(email) = Email::parse(user_id) {
                addresses.push(vault.item_id(Name::Address(email.as_str())));
            }
            for stored in self
                .read(one, &addresses, now, deadline)
                .await?
                .into_values()
            {
                item_ids.extend(stored.content.held_by);
            }
            item_ids.extend(addresses);
            item_ids.push(user);
        }
        item_ids.sort_unstable();
        item_ids.dedup();
        for chunk in item_ids.chunks(MAX_WRITES) {
            let deletions: Vec<_> = chunk
                .iter()
                .map(|item_id| item::delete(&self.table.name, item_id))
                .collect();
            self.table.transact(&deletions, deadline).await?;
        }
        for item_id in &item_ids {
            self.learned.remove(item_id);
        }
        Ok(())
    }
}
