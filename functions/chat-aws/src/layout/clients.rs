//! The Clients table: subscriptions, in which rooms each is, and whose it is.

use std::str::FromStr;

use chat::client::{Client, ClientId, Endpoint, InstallId, SubscriptionKeys};
use chat::message::AuthorId;
use chat::room::RoomHash;

use super::attributes::{Reading, Writing};
use super::{BadItem, Item, Key, PK, SK, TTL};

const ROOM: &str = "room#";

/// The partition of a room's shard; sort keys are client ids.
pub fn clients_of(room: &RoomHash, shard: u16) -> String {
    format!("{ROOM}{room}#{shard}")
}

/// The partition that says in which rooms a client is.
pub fn places_of(id: &ClientId) -> String {
    format!("client#{id}")
}

/// The partition of a member's clients in a room.
pub fn members_of(room: &RoomHash, author: &AuthorId) -> String {
    format!("member#{room}#{author}")
}

/// Where a client is.
pub fn client_key(room: &RoomHash, shard: u16, id: &ClientId) -> Key {
    Key::new(clients_of(room, shard), id.as_str())
}

/// Where it is said that a client is in a room.
pub fn place_key(room: &RoomHash, id: &ClientId) -> Key {
    Key::new(places_of(id), format!("{ROOM}{room}"))
}

/// Where an installation's present client is named.
pub fn install_key(room: &RoomHash, author: &AuthorId, install: &InstallId) -> Key {
    Key::new(format!("install#{}", install.of(author)), format!("{ROOM}{room}"))
}

/// Where a member's client is counted.
pub fn member_key(room: &RoomHash, author: &AuthorId, id: &ClientId) -> Key {
    Key::new(members_of(room, author), id.as_str())
}

/// A client as it is stored.
pub fn client_item(client: &Client, shard: u16) -> Item {
    let item = Writing::at(&client_key(&client.room, shard, &client.id))
        .kind("client")
        .text("author", client.author.as_str())
        .text("install", client.install.as_str())
        .text("endpoint", client.endpoint.as_str())
        .bytes("p256dh", client.keys.p256dh())
        .bytes("auth", client.keys.auth())
        .number("seen_at", client.seen_at)
        .ttl(client.expires());
    match &client.page {
        Some(page) => item.text("page", page).done(),
        None => item.done(),
    }
}

/// The client of an item.
pub fn stored_client(item: &Item) -> Result<Client, BadItem> {
    let item = Reading(item);
    let room = item.text(PK)?.strip_prefix(ROOM).and_then(|rest| rest.rsplit_once('#')).ok_or(BadItem(PK))?.0;
    Ok(Client {
        id: item.parsed(SK)?,
        room: RoomHash::from_str(room).map_err(|_| BadItem(PK))?,
        author: item.parsed("author")?,
        install: item.parsed("install")?,
        endpoint: Endpoint::parse(item.text("endpoint")?).map_err(|_| BadItem("endpoint"))?,
        keys: SubscriptionKeys::new(item.bytes("p256dh")?, item.bytes("auth")?).map_err(|_| BadItem("p256dh"))?,
        page: item.maybe_text("page").map(str::to_owned),
        seen_at: item.number("seen_at")?,
    })
}

/// One room that a client is in, and what else was written about it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The room.
    pub room: RoomHash,
    /// In which of the room's partitions.
    pub shard: u16,
    /// Whose client it is there.
    pub author: AuthorId,
    /// Of which installation.
    pub install: InstallId,
}

/// That a client is in a room.
pub fn place_item(client: &Client, shard: u16) -> Item {
    Writing::at(&place_key(&client.room, &client.id))
        .kind("place")
        .number("shard", i64::from(shard))
        .text("author", client.author.as_str())
        .text("install", client.install.as_str())
        .ttl(client.expires())
        .done()
}

/// The place of an item.
pub fn stored_place(item: &Item) -> Result<Place, BadItem> {
    let item = Reading(item);
    let room = item.text(SK)?.strip_prefix(ROOM).ok_or(BadItem(SK))?;
    Ok(Place {
        room: RoomHash::from_str(room).map_err(|_| BadItem(SK))?,
        shard: item.number("shard")?,
        author: item.parsed("author")?,
        install: item.parsed("install")?,
    })
}

/// An installation's present client.
pub fn install_item(client: &Client, shard: u16) -> Item {
    Writing::at(&install_key(&client.room, &client.author, &client.install))
        .kind("install")
        .text("client", client.id.as_str())
        .number("shard", i64::from(shard))
        .ttl(client.expires())
        .done()
}

/// The client that an installation had, and its shard.
pub fn stored_install(item: &Item) -> Result<(ClientId, u16), BadItem> {
    let item = Reading(item);
    Ok((item.parsed("client")?, item.number("shard")?))
}

/// That a member has a client.
pub fn member_item(client: &Client) -> Item {
    Writing::at(&member_key(&client.room, &client.author, &client.id))
        .kind("member")
        .number(TTL, client.expires())
        .done()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
    use chat::message::MemberSecret;
    use chat::room::RoomId;

    use super::*;

    fn client(page: Option<&str>) -> Client {
        let key = PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap();
        let endpoint = Endpoint::parse("https://push.example/x/y?z").unwrap();
        Client {
            id: endpoint.client(),
            room: RoomId([5; 16]).hash(),
            author: MemberSecret::generate().author(),
            install: InstallId::parse("install-1").unwrap(),
            endpoint,
            keys: SubscriptionKeys::new(key.as_ref(), &[9; 16]).unwrap(),
            page: page.map(str::to_owned),
            seen_at: 1_700_000_000_000,
        }
    }

    #[test]
    fn a_client_is_read_as_it_was_written() {
        for page in [None, Some("https://chat.example")] {
            let client = client(page);
            assert_eq!(stored_client(&client_item(&client, 3)), Ok(client));
        }
    }

    #[test]
    fn a_place_and_an_install_lead_back_to_the_client() {
        let client = client(None);
        let place = Place {
            room: client.room.clone(),
            shard: 3,
            author: client.author.clone(),
            install: client.install.clone(),
        };
        assert_eq!(stored_place(&place_item(&client, 3)), Ok(place));
        assert_eq!(stored_install(&install_item(&client, 3)), Ok((client.id.clone(), 3)));
    }

    #[test]
    fn a_client_with_keys_that_are_no_keys_is_an_error() {
        let mut item = client_item(&client(None), 0);
        item.remove("auth");
        assert_eq!(stored_client(&item), Err(BadItem("auth")));
    }
}
