//! A compositor's words, made here byte by byte, and what they are taken for.

use super::*;
use crate::clock;

fn global(name: u32, interface: &str, version: u32) -> Vec<u8> {
    let mut body = name.to_ne_bytes().to_vec();
    body.extend(text(interface));
    body.extend(version.to_ne_bytes());
    message(REGISTRY, 0, &body)
}

/// A compositor that offers a seat and the notifier; the answer is followed by what was asked of it.
fn compositor(version: u32) -> Compositor {
    let mut new = Compositor::new();
    let offers = [
        global(1, "wl_compositor", 6),
        global(2, "wl_seat", 9),
        global(3, NOTIFIER, version),
    ];
    new.hear(&offers.concat(), clock::monotonic())
        .expect("it is understood");
    new
}

fn object(id: Option<u32>, opcode: u16) -> Vec<u8> {
    message(id.expect("a notification"), opcode, &[])
}

#[test]
fn what_is_asked_is_what_the_protocol_says() {
    let asked = Compositor::new().out;
    let expected = [
        message(1, 1, &2_u32.to_ne_bytes()),
        message(1, 0, &3_u32.to_ne_bytes()),
    ];
    assert_eq!(asked, expected.concat());
    let asked = compositor(2).out.split_off(asked.len());
    let bind = |name: u32, interface: &str, version: u32, id: u32| {
        let body = [
            name.to_ne_bytes().to_vec(),
            text(interface),
            version.to_ne_bytes().to_vec(),
            id.to_ne_bytes().to_vec(),
        ];
        message(2, 0, &body.concat())
    };
    let notify = |opcode, id: u32| {
        let body = [id, 1000, 4].map(u32::to_ne_bytes).concat();
        message(5, opcode, &body)
    };
    let expected = [
        bind(2, "wl_seat", 1, 4),
        bind(3, "ext_idle_notifier_v1", 2, 5),
        notify(1, 6),
        notify(2, 7),
    ];
    assert_eq!(asked, expected.concat());
}

#[test]
fn a_pause_and_a_return_are_told_apart_from_a_film() {
    let mut compositor = compositor(2);
    let seat = &compositor.seats[0];
    let (input, held) = (seat.input, Some(seat.held));
    let now = clock::monotonic();
    let told = compositor.hear(&object(input, 0), now).expect("idled");
    assert_eq!(told, [Told::Changed]);
    assert_eq!(compositor.quiet(now), (None, Some(now - PAUSE)));
    // Nobody touches anything, and something keeps the other notification from speaking.
    assert!(!compositor.is_held(now));
    let later = now + APART;
    assert!(compositor.is_held(later));
    let told = compositor.hear(&object(held, 0), later).expect("idled");
    assert_eq!(told, [Told::Changed]);
    assert!(!compositor.is_held(later));
    let told = compositor
        .hear(&object(held, 1), later)
        .expect("a film begins");
    assert_eq!(told, [Told::Changed]);
    // Or somebody has come back, and the other notification says so next.
    assert!(!compositor.is_held(later));
    assert!(compositor.is_held(later + APART));
    let told = compositor.hear(&object(input, 1), later).expect("resumed");
    assert_eq!(told, [Told::Back]);
    assert_eq!(compositor.quiet(later), (Some(Idle::Active), None));
    compositor.hear(&object(input, 0), later).expect("idled");
    let since = Idle::Since(later - PAUSE);
    assert_eq!(compositor.quiet(later), (Some(since), None));
}

/// A compositor counts from when it is asked: what was before that it tells nobody.
#[test]
fn nobody_is_invented_for_a_compositor_that_has_not_spoken_and_one_who_never_pauses_is_seen() {
    let mut compositor = compositor(2);
    let input = compositor.seats[0].input;
    let asked = compositor.seats[0].asked;
    assert_eq!(compositor.quiet(asked), (None, Some(asked)));
    let later = asked + PAUSE + APART;
    assert_eq!(compositor.quiet(later), (Some(Idle::Active), None));
    compositor.hear(&object(input, 0), later).expect("idled");
    assert_eq!(compositor.quiet(later), (None, Some(later - PAUSE)));
}

#[test]
fn an_older_compositor_has_one_notification_for_both() {
    let mut compositor = compositor(1);
    let held = Some(compositor.seats[0].held);
    assert_eq!(compositor.seats[0].input, None);
    let now = clock::monotonic();
    compositor.hear(&object(held, 0), now).expect("idled");
    assert!(!compositor.is_held(now + APART * 2));
    assert_eq!(compositor.hear(&object(held, 1), now), Ok(vec![Told::Back]));
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let now = clock::monotonic();
    let offers = [global(2, "wl_seat", 9), global(3, NOTIFIER, 2)].concat();
    let mut whole = Compositor::new();
    whole.hear(&offers, now).expect("it is understood");
    let mut pieces = Compositor::new();
    for byte in offers {
        pieces.hear(&[byte], now).expect("it is understood");
    }
    assert_eq!(pieces.out, whole.out);
    let gone = message(REGISTRY, 1, &2_u32.to_ne_bytes());
    whole.hear(&gone, now).expect("a seat goes");
    assert!(whole.seats.is_empty());
    assert_eq!(whole.quiet(now), (None, None));
}

#[test]
fn what_the_protocol_does_not_allow_is_an_error_and_never_a_panic() {
    let now = clock::monotonic();
    for bytes in [
        vec![0xff; 64],
        message(REGISTRY, 0, &[1, 0]),
        message(REGISTRY, 0, &[0xff; 16]),
        [1_u32.to_ne_bytes(), 0_u32.to_ne_bytes()].concat(),
    ] {
        let heard = Compositor::new().hear(&bytes, now);
        // Bytes that promise a long message wait for the rest of it.
        assert!(heard.is_err() || heard == Ok(vec![]), "{heard:?}");
    }
    let mut body = [1_u32, 2].map(u32::to_ne_bytes).concat();
    body.extend(text("no such thing"));
    let heard = Compositor::new().hear(&message(DISPLAY, 0, &body), now);
    assert_eq!(heard, Err("refuses: no such thing".to_owned()));
}
