//! What the tools print, as they print it, and what they must not be taken for.

use super::*;

const REGISTRY: &str = r#"
+-o Root  <class IORegistryEntry, id 0x100000100, retain 41>
  +-o MacBookPro  <class IOPlatformExpertDevice, registered, matched, active, busy 0>
    +-o IOResources  <class IOResources, registered, matched, active, busy 0>
      +-o IOHIDSystem  <class IOHIDSystem, registered, matched, active, busy 0>
          {
            "IOClass" = "IOHIDSystem"
            "HIDIdleTime" = 741265083
            "HIDPointerButtonCount" = 32
            "HIDParameters" = {"HIDIdleTimeBias"=0,"HIDClickTime"=500000000}
          }
      +-o IOHIDSystem  <class IOHIDSystem, registered, matched, active, busy 0>
          {
            "HIDIdleTime" = 9041265083000
          }
"#;

const FILM: &str = "2026-11-20 22:14:03 +0100
Assertion status system-wide:
   BackgroundTask                 0
   ApplePushServiceTask           0
   UserIsActive                   0
   PreventUserIdleDisplaySleep    1
   PreventSystemSleep             0
   ExternalMedia                  0
   PreventUserIdleSystemSleep     1
   NetworkClientActive            0
Listed by owning process:
   pid 612(Safari): [0x0001a52300098e10] 01:12:44 PreventUserIdleDisplaySleep named: \"Playing a film\"
   pid 98(powerd): [0x0001a2200001902d] 03:40:19 PreventUserIdleSystemSleep named: \"Powerd - Prevent sleep\"
";

const DOWNLOAD: &str = "2026-11-20 23:50:11 +0100
Assertion status system-wide:
   UserIsActive                   0
   PreventUserIdleDisplaySleep    0
   PreventUserIdleSystemSleep     1
Listed by owning process:
   pid 7021(caffeinate): [0x0001b0330001a2f7] 00:00:03 PreventUserIdleSystemSleep named: \"a download\"
";

#[test]
fn the_last_input_is_the_newest_of_all_input_systems() {
    assert_eq!(idle_time(REGISTRY), Some(Duration::from_nanos(741_265_083)));
    for nonsense in [
        "",
        "\"HIDIdleTime\" = ",
        "\"HIDIdleTime\" = -5",
        "\"HIDIdleTime\" = <00a1>",
        "\"HIDIdleTime\" = 99999999999999999999999",
    ] {
        assert_eq!(idle_time(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_display_that_is_kept_on_is_somebody_and_a_download_is_not() {
    assert_eq!(
        display_kept_on(FILM).as_deref(),
        Some("Safari: Playing a film")
    );
    assert_eq!(display_kept_on(DOWNLOAD), None);
    assert_eq!(display_kept_on("no such option"), None);
    let counted = "   PreventUserIdleDisplaySleep    2\n";
    let somebody = "an application keeps the display on";
    assert_eq!(display_kept_on(counted).as_deref(), Some(somebody));
}

#[test]
fn the_power_source_is_told_with_the_lowest_charge() {
    let on_battery = "Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4522083)\t87%; discharging; 4:51 remaining present: true
 -InternalBattery-1 (id=4522084)\t41%; discharging; (no estimate) present: true
";
    let percent = Some(41);
    assert_eq!(power(on_battery), Some(Power::Battery { percent }));
    let mains = "Now drawing from 'AC Power'
 -InternalBattery-0 (id=4522083)\t100%; charged; 0:00 remaining present: true
";
    assert_eq!(power(mains), Some(Power::Mains));
    assert_eq!(power("Now drawing from 'AC Power'\n"), Some(Power::Mains));
    let supply = "Now drawing from 'UPS Power'\n -Supply\t250%; discharging\n";
    assert_eq!(power(supply), Some(Power::Battery { percent: None }));
    for nonsense in ["", "Now drawing from 'the sun'", "87%"] {
        assert_eq!(power(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_tool_that_is_missing_or_fails_makes_presence_unknown_and_is_named() {
    let missing = Tools {
        ioreg: "/nowhere/ioreg",
        pmset: "/bin/false",
    };
    let reading = read(&missing);
    let blind = reading.presence.blind.expect("a reason");
    assert!(blind.contains("/nowhere/ioreg"), "{blind}");
    assert!(matches!(reading.power, Sensed::Unknown(why) if why.contains("/bin/false")));
    let unseen = presence(Ok(REGISTRY.to_owned()), Err("pmset: gone".to_owned()));
    assert_eq!(unseen.blind.as_deref(), Some("pmset: gone"));
    assert_eq!(unseen.last_input, Some(Duration::from_nanos(741_265_083)));
}

#[test]
fn a_tool_that_hangs_is_ended_and_named() {
    let began = clock::monotonic();
    let answer = run("/bin/sleep", &["60"]);
    assert_eq!(
        answer,
        Err("/bin/sleep has not answered for 2 s".to_owned())
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}
