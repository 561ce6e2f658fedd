use super::super::subject::Bound;
use super::*;

const NOW: WallTime = WallTime(1_000_000);
const ON_ONE: [Action; 7] = [
    Action::View,
    Action::Download,
    Action::Share,
    Action::Delete,
    Action::Stop,
    Action::Purge,
    Action::Tell,
];

fn user(id: &str, role: Role) -> Subject {
    Subject::of_token(id, role, NOW.plus(1))
}

fn facts() -> Facts {
    Facts {
        recording: RecordingId::new(),
        owner: "owner".into(),
        deleted: false,
        participant: false,
        shares: Vec::new(),
    }
}

fn given(level: Level) -> Given {
    Given { share: ShareId::new(), level, expires_at: None, by_link: false }
}

fn may(subject: &Subject, facts: &Facts) -> Vec<Action> {
    ON_ONE.into_iter().filter(|action| permit(subject, *action, Some(facts), NOW).is_ok()).collect()
}

fn hidden(subject: &Subject, facts: &Facts) -> bool {
    ON_ONE.iter().all(|action| permit(subject, *action, Some(facts), NOW) == Err(Denied::Hidden))
}

#[test]
fn roles_start_and_list() {
    let all = [Action::List, Action::Start, Action::Attach, Action::Webhooks];
    for (role, expected) in [
        (Role::Student, &all[..1]),
        (Role::Teacher, &all[..3]),
        (Role::Admin, &all[..]),
        (Role::Service, &all[1..3]),
        (Role::Unknown, &all[..0]),
    ] {
        let subject = user("u", role);
        let may = |action: &&Action| permit(&subject, **action, None, NOW).is_ok();
        assert_eq!(all.iter().filter(may).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>(), "{role}");
    }
}

#[test]
fn an_owner_and_an_administrator_may_everything() {
    for subject in [user("owner", Role::Teacher), user("owner", Role::Student), user("x", Role::Admin)] {
        assert_eq!(may(&subject, &facts()), ON_ONE);
        let deleted = Facts { deleted: true, ..facts() };
        assert_eq!(may(&subject, &deleted), ON_ONE);
    }
}

#[test]
fn others_do_not_learn_that_there_is_a_recording() {
    for role in [Role::Student, Role::Teacher, Role::Unknown] {
        assert!(hidden(&user("other", role), &facts()), "{role}");
    }
    assert!(hidden(&user("owner", Role::Unknown), &facts()));
    assert_eq!(permit(&user("x", Role::Admin), Action::View, None, NOW), Err(Denied::Hidden));
}

#[test]
fn a_participant_may_view_until_it_is_hidden() {
    let facts = Facts { participant: true, ..facts() };
    let subject = user("other", Role::Student);
    assert_eq!(may(&subject, &facts), [Action::View]);
    assert!(matches!(permit(&subject, Action::Download, Some(&facts), NOW), Err(Denied::Forbidden(_))));
    assert!(hidden(&user("other", Role::Unknown), &facts));
    assert!(hidden(&subject, &Facts { deleted: true, ..facts }));
}

#[test]
fn shares_give_their_level_and_those_below() {
    let subject = user("other", Role::Student);
    for (level, expected) in Level::ALL.into_iter().zip(1..) {
        let facts = Facts { shares: vec![given(Level::View), given(level)], ..facts() };
        assert_eq!(may(&subject, &facts), ON_ONE[..expected], "{level}");
    }
}

#[test]
fn a_share_ends_to_the_microsecond() {
    let until = |at| Facts { shares: vec![Given { expires_at: Some(at), ..given(Level::View) }], ..facts() };
    let subject = user("other", Role::Student);
    assert_eq!(may(&subject, &until(NOW.plus(1))), [Action::View]);
    assert!(hidden(&subject, &until(NOW)));
}

#[test]
fn a_program_starts_and_stops_and_sees_nothing() {
    let subject = user("owner", Role::Service);
    let facts = Facts { participant: true, shares: vec![given(Level::Delete)], ..facts() };
    assert_eq!(may(&subject, &facts), [Action::Stop]);
    assert_eq!(permit(&subject, Action::View, Some(&facts), NOW), Err(Denied::Hidden));
    assert!(hidden(&subject, &Facts { deleted: true, ..facts }));
}

fn with_bound(mut subject: Subject, kind: Kind, bound: Bound) -> Subject {
    (subject.kind, subject.bound) = (kind, Some(bound));
    subject
}

#[test]
fn a_signed_address_has_its_users_rights_within_its_bounds() {
    let facts = facts();
    let bound = Bound { recording: facts.recording, level: Level::Download, purpose: Purpose::Playback };
    let of = |id: &str, bound| with_bound(user(id, Role::Teacher), Kind::SignedUrl, bound);
    assert_eq!(may(&of("owner", bound), &facts), [Action::View, Action::Download]);
    assert_eq!(may(&of("owner", Bound { level: Level::View, ..bound }), &facts), [Action::View]);
    // Even at the highest level.
    let most = Bound { level: Level::Delete, ..bound };
    assert_eq!(may(&of("owner", most), &facts), [Action::View, Action::Download]);
    assert!(hidden(&of("other", bound), &facts));
    assert!(hidden(&of("owner", Bound { recording: RecordingId::new(), ..bound }), &facts));
    let download = Bound { purpose: Purpose::Download([0; 16]), ..bound };
    assert_eq!(may(&of("owner", download), &facts), [Action::Download]);
    // Its user has lost what was shared with them.
    let shared = Facts { shares: vec![given(Level::Download)], ..facts.clone() };
    assert_eq!(may(&of("other", bound), &shared), [Action::View, Action::Download]);
    for action in [Action::List, Action::Start, Action::Attach, Action::Webhooks] {
        assert!(permit(&of("owner", bound), action, None, NOW).is_err());
    }
}

#[test]
fn a_link_has_its_own_share_alone() {
    let (own, other) = (given(Level::View), given(Level::Delete));
    let own = Given { by_link: true, ..own };
    let facts = Facts { shares: vec![own, other], owner: "".into(), participant: true, ..facts() };
    let bound = Bound { recording: facts.recording, level: Level::Download, purpose: Purpose::Playback };
    let mut link = with_bound(user("", Role::Unknown), Kind::Link, bound);
    assert!(hidden(&link, &facts));
    link.share = Some(own.share);
    assert_eq!(may(&link, &facts), [Action::View]);
    assert!(hidden(&link, &Facts { shares: vec![other], ..facts.clone() }));
    assert!(hidden(&link, &Facts { deleted: true, ..facts.clone() }));
    assert!(permit(&link, Action::List, None, NOW).is_err());
    // And what is shared by a link is not with those who did not open it.
    let only = Facts { shares: vec![own], participant: false, ..facts };
    assert!(hidden(&user("other", Role::Student), &only));
}
