//! Clients: registering and leaving are one transaction each, so that a client, its places, its install and its
//! member never disagree; lists are queries of one shard. It must not know keys (`layout` does) nor push services.

mod listing;
mod writes;

use aws_sdk_dynamodb::Client as DynamoDb;
use chat::client::{CLIENTS_A_MEMBER, Client, ClientId, Registered};
use chat::message::AuthorId;
use chat::ports::{ClientList, Clients, PortError, PortResult};
use chat::room::{RoomHash, RoomRecord};

use crate::call::port_error;
use crate::layout::{self, Key, Place, stored_client, stored_install, stored_place};
use crate::transact::{self, Outcome};

use writes::Writes;

/// How often a registration that met another one of the same install is begun anew.
const TRIES: usize = 4;

/// The clients of a stage.
#[derive(Debug, Clone)]
pub struct DynamoClients {
    dynamodb: DynamoDb,
    table: String,
}

/// What is there before a registration.
struct Before {
    /// The same subscription.
    same: Option<Client>,
    /// The install's present client and its shard.
    install: Option<(ClientId, u16)>,
}

impl DynamoClients {
    /// Those of this table.
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        Self { dynamodb, table }
    }

    async fn item(&self, key: &Key) -> PortResult<Option<layout::Item>> {
        let get =
            self.dynamodb.get_item().table_name(&self.table).set_key(Some(key.attributes())).consistent_read(true);
        Ok(get.send().await.map_err(|error| port_error("DynamoDB GetItem", &error))?.item)
    }

    async fn client(&self, room: &RoomHash, shard: u16, id: &ClientId) -> PortResult<Option<Client>> {
        let item = self.item(&layout::client_key(room, shard, id)).await?;
        // An item that can't be read is overwritten by the next registration, as if it were not there.
        Ok(item.and_then(|item| stored_client(&item).ok()))
    }

    async fn before(&self, client: &Client, shard: u16) -> PortResult<Before> {
        let install_key = layout::install_key(&client.room, &client.author, &client.install);
        let (same, install) = tokio::try_join!(self.client(&client.room, shard, &client.id), self.item(&install_key))?;
        let install = install.map(|item| stored_install(&item)).transpose()?;
        Ok(Before { same, install })
    }

    async fn count(&self, room: &RoomHash, author: &AuthorId, but: &[&ClientId], now_ms: i64) -> PortResult<usize> {
        let ids = listing::members(&self.dynamodb, &self.table, room, author, now_ms).await?;
        Ok(ids.iter().filter(|id| !but.contains(id)).count())
    }

    /// One look and one transaction; `None` when what was seen changed in between.
    async fn register_once(&self, room: &RoomRecord, client: &Client) -> PortResult<Option<Registered>> {
        let (now_ms, shard) = (client.seen_at, client.id.shard(room.shards));
        let before = self.before(client, shard).await?;
        let same = before.same.as_ref().filter(|same| same.live(now_ms));
        let current = before.install.as_ref().is_some_and(|(id, _)| *id == client.id);
        if current && same.is_some_and(|same| !same.outdated_by(client)) {
            return Ok(Some(Registered::Known));
        }
        let replaced = before.install.as_ref().filter(|(id, _)| *id != client.id);
        let mut but = vec![&client.id];
        but.extend(replaced.map(|(id, _)| id));
        let known = same.is_some_and(|same| same.author == client.author);
        if !known && self.count(&client.room, &client.author, &but, now_ms).await? >= CLIENTS_A_MEMBER {
            return Ok(Some(Registered::TooMany));
        }
        let mut writes = Writes::of(&self.table);
        writes.put_client(client, shard, before.install.as_ref().map(|(id, _)| id))?;
        if let Some((id, shard)) = replaced {
            writes.remove(&client.room, *shard, id, &client.author)?;
        }
        if let Some(other) = before.same.as_ref() {
            writes.remove_owner(other, client)?;
        }
        match transact::write(&self.dynamodb, writes.done()).await? {
            Outcome::Written if same.is_some() => Ok(Some(Registered::Known)),
            Outcome::Written => Ok(Some(Registered::New)),
            Outcome::Refused { .. } => Ok(None),
        }
    }

    async fn places(&self, id: &ClientId) -> PortResult<Vec<Place>> {
        let items = listing::partition(&self.dynamodb, &self.table, layout::places_of(id)).await?;
        Ok(items.iter().filter_map(|item| stored_place(item).ok()).collect())
    }

    /// Takes a client out of one room. With `only_if`, not when it has other keys by now.
    async fn remove(&self, id: &ClientId, place: &Place, only_if: Option<&Client>) -> PortResult<()> {
        let mut writes = Writes::of(&self.table);
        writes.remove_if(place, id, only_if)?;
        if let Outcome::Refused { .. } = transact::write(&self.dynamodb, writes.done()).await? {
            return Ok(());
        }
        // By itself, since the install may have another client by now: then it stays.
        writes::release_install(&self.dynamodb, &self.table, place, id).await
    }
}

impl Clients for DynamoClients {
    async fn register(&self, room: &RoomRecord, client: &Client) -> PortResult<Registered> {
        for _ in 0..TRIES {
            if let Some(registered) = self.register_once(room, client).await? {
                return Ok(registered);
            }
        }
        Err(PortError::new("an install registers too often at the same time", true))
    }

    async fn leave(&self, room: &RoomRecord, id: &ClientId) -> PortResult<()> {
        let item = self.item(&layout::place_key(&room.hash, id)).await?;
        match item.map(|item| stored_place(&item)).transpose()? {
            Some(place) => self.remove(id, &place, None).await,
            None => Ok(()),
        }
    }

    async fn forget(&self, client: &Client) -> PortResult<()> {
        for place in self.places(&client.id).await? {
            self.remove(&client.id, &place, Some(client)).await?;
        }
        Ok(())
    }

    async fn list(
        &self,
        room: &RoomRecord,
        shard: u16,
        from: Option<&ClientId>,
        limit: usize,
        now_ms: i64,
    ) -> PortResult<ClientList> {
        listing::shard(&self.dynamodb, &self.table, &room.hash, shard, from, limit, now_ms).await
    }

    async fn get(&self, room: &RoomRecord, ids: &[ClientId], now_ms: i64) -> PortResult<Vec<Client>> {
        listing::some(&self.dynamodb, &self.table, room, ids, now_ms).await
    }
}
