//! Where the desktop's own services can be asked, as the environment names it. No settings: nobody sets these for us.

use std::path::PathBuf;

use super::Sources;

/// Where every system with D-Bus has its bus.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

/// Addresses of the buses and the compositor's sockets; `None` where the environment knows of none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desktop {
    /// The machine's bus: login manager, battery.
    pub system_bus: Option<String>,
    /// The bus of the user's session: idle monitor, inhibitors.
    pub session_bus: Option<String>,
    /// Where compositors put their sockets.
    pub runtime_dir: Option<PathBuf>,
    /// The compositor's socket, by name or by path.
    pub wayland_display: Option<String>,
}

impl Desktop {
    #[must_use]
    pub fn of(sources: &Sources) -> Self {
        let runtime_dir = sources.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime_dir = runtime_dir.filter(|path| path.is_absolute());
        let bus = runtime_dir.as_ref().map(|folder| folder.join("bus"));
        let own = |name: &str| sources.variable(name).map(str::to_owned);
        Self {
            system_bus: own("DBUS_SYSTEM_BUS_ADDRESS").or(Some(SYSTEM_BUS.to_owned())),
            session_bus: own("DBUS_SESSION_BUS_ADDRESS")
                .or(bus.map(|path| format!("unix:path={}", path.display()))),
            runtime_dir,
            wayland_display: own("WAYLAND_DISPLAY"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_desktops_variables_finds_the_buses_where_they_always_are() {
        let of = |pairs: &[(&str, &str)]| {
            let env = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.into()));
            Desktop::of(&Sources {
                env: env.collect(),
                ..Sources::default()
            })
        };
        let bare = of(&[]);
        assert_eq!(bare.system_bus.as_deref(), Some(SYSTEM_BUS));
        assert_eq!((bare.session_bus, bare.runtime_dir), (None, None));
        let service = of(&[("XDG_RUNTIME_DIR", "/run/user/7")]);
        let bus = Some("unix:path=/run/user/7/bus");
        assert_eq!(service.session_bus.as_deref(), bus);
        let named = of(&[
            ("XDG_RUNTIME_DIR", "here"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x"),
        ]);
        assert_eq!(named.session_bus.as_deref(), Some("unix:abstract=x"));
        assert_eq!(
            named.runtime_dir, None,
            "a relative folder is to be ignored"
        );
    }
}
