//! What it takes to see input that may be missed now. Found with each look, told by `dreamer doctor`.

/// The kind of thing that hides input, and so what mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Input devices that this user may not watch.
    Devices,
    /// The system watches as many files as it allows one user.
    Watches,
    /// Nobody watches the devices, or not any more.
    Watching,
    /// A folder or a terminal that this user may not look at.
    Files,
    /// A program that takes input from elsewhere.
    RemoteScreen,
    /// Somebody's session whose screen is elsewhere.
    RemoteSession,
    /// Other people's processes are not shown.
    HiddenProcesses,
    /// A service of the desktop that does not answer.
    Service,
}

impl Mend {
    pub const ALL: [Self; 8] = [
        Self::Devices,
        Self::Watches,
        Self::Watching,
        Self::Files,
        Self::RemoteScreen,
        Self::RemoteSession,
        Self::HiddenProcesses,
        Self::Service,
    ];

    /// For the person who owns the machine.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::Devices => {
                "let the service read the input devices: a system unit alone by `SupplementaryGroups=input` in a drop-in \
                 (`systemctl edit dreamer`), a user's by `usermod -aG input USER` and a new login, after which every program \
                 of that user may read every key"
            }
            Self::Watches => {
                "allow more watches (`sysctl fs.inotify.max_user_watches fs.inotify.max_user_instances` shows how many), \
                 then start the service again"
            }
            Self::Watching => {
                "see the log for why nothing can be watched, and start the service again"
            }
            Self::Files => {
                "let the user of the service list and look at what is named (`ls -ld` shows who may)"
            }
            Self::RemoteScreen => {
                "no sensor sees what is typed there: stop that program before you leave"
            }
            Self::RemoteSession => {
                "log that session out before you leave (`loginctl list-sessions`, `loginctl terminate-session ID`)"
            }
            Self::HiddenProcesses => {
                "show the user of the service all processes (`mount -o remount,hidepid=0 /proc`, or the group that the \
                 mount's gid= names)"
            }
            Self::Service => "see whether the service runs (`systemctl status`, `busctl status`)",
        }
    }
}
