//! One D-Bus: connecting, asking and listening, each within a deadline. Used by the sources of a bus. Starts no service:
//! only names that are there already are asked.

use std::io;
use std::time::Duration;

use zbus::export::serde::{Serialize, de::DeserializeOwned};
use zbus::wire::DynamicType;
use zbus::{Connection, Type, connection};

use super::said::Answer;

/// A bus and its services answer within milliseconds; what takes longer than this is taken for silent.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The bus's own service.
const BUS: (&str, &str, &str) = (
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
);

/// Every property of an object.
pub(super) type Properties = std::collections::HashMap<String, zbus::OwnedVariant>;

/// Why a source does not answer: it is not there, or it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Unknown(String),
}

impl Trouble {
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    pub(super) fn silent() -> Self {
        Self::Unknown(format!("has not answered for {} s", DEADLINE.as_secs()))
    }

    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Absent(why) => Answer::Absent(why.clone()),
            Self::Unknown(why) => Answer::Unknown(why.clone()),
        }
    }
}

impl From<zbus::Error> for Trouble {
    fn from(error: zbus::Error) -> Self {
        use zbus::fdo::Error as Fdo;
        match &error {
            zbus::Error::Connection(why, _) => Self::from_io(why),
            zbus::Error::InputOutput(why) => Self::unknown(format!("broke off: {why}")),
            zbus::Error::FDO(told) => match told.as_ref() {
                Fdo::ServiceUnknown(_) | Fdo::NameHasNoOwner(_) | Fdo::UnknownObject(_) => {
                    Self::Absent("is not there".to_owned())
                }
                Fdo::NoReply(_) | Fdo::Timeout(_) | Fdo::TimedOut(_) => Self::silent(),
                told => Self::unknown(format!("refuses: {told}")),
            },
            zbus::Error::MethodError(name, ..) => Self::unknown(format!("refuses: {name}")),
            _ => Self::unknown(format!("talks nonsense: {error}")),
        }
    }
}

impl Trouble {
    fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            // A socket without a bus behind it is what a bus leaves that was stopped.
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Self::Absent("no bus listens there".to_owned())
            }
            _ => Self::unknown(format!("cannot be reached: {error}")),
        }
    }
}

/// Waits for an answer no longer than the deadline.
pub(super) async fn within<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, Trouble>
where
    Trouble: From<E>,
{
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Trouble::silent()),
    }
}

pub(super) async fn connect(address: &str) -> Result<Connection, Trouble> {
    within(connection::Builder::address(address).build()).await
}

/// The bus tells us of the signals that `rules` name from now on.
pub(super) async fn listen(bus: &Connection, rules: &[&str]) -> Result<(), Trouble> {
    for rule in rules {
        let (name, path, interface) = BUS;
        let body = (*rule,);
        let asked = bus.call_method(Some(name), path, Some(interface), "AddMatch", &body);
        within(asked).await?;
    }
    Ok(())
}

/// Everybody who is on the bus.
pub(super) async fn names(bus: &Connection) -> Result<Vec<String>, Trouble> {
    let (name, path, interface) = BUS;
    Service { name, path }
        .ask(bus, interface, "ListNames", &())
        .await
}

/// An object of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) name: &'a str,
    pub(super) path: &'a str,
}

impl Service<'_> {
    /// Asks one thing; the answer has the type that is expected, or it is nonsense.
    pub(super) async fn ask<B, R>(
        self,
        bus: &Connection,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<R, Trouble>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        let asked = bus.call_method(Some(self.name), self.path, Some(interface), method, body);
        let answer = within(asked).await?;
        let body = answer.body();
        body.deserialize()
            .map_err(|error| Trouble::unknown(format!("talks nonsense: {method}: {error}")))
    }

    pub(super) async fn properties(
        self,
        bus: &Connection,
        interface: &str,
    ) -> Result<Properties, Trouble> {
        let all = "org.freedesktop.DBus.Properties";
        self.ask(bus, all, "GetAll", &(interface,)).await
    }
}

pub(super) fn flag(properties: &Properties, name: &str) -> Option<bool> {
    bool::try_from(properties.get(name)?).ok()
}

pub(super) fn text<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    <&str>::try_from(properties.get(name)?).ok()
}
