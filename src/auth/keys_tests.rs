use super::super::testing::{Issuer, Pair, Watch};
use super::*;
use jsonwebtoken::Algorithm as Theirs;
use std::sync::atomic::Ordering::SeqCst;

const HOUR: Duration = Duration::from_secs(3600);

fn keys(issuer: &Issuer, watch: &Watch) -> Keys {
    Keys::new(Box::new(issuer.clone()), Arc::new(watch.clone()), HOUR)
}

/// Waits until what runs in the background has asked so often.
async fn asked(issuer: &Issuer, times: usize) {
    while issuer.asked.load(SeqCst) < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_set_is_fetched_once_and_again_behind_the_back_of_who_asks() {
    let pair = Pair::new(Theirs::EdDSA, "a");
    let (issuer, watch) = (Issuer::publishing(&[&pair]), Watch::default());
    let keys = keys(&issuer, &watch);
    for _ in 0..3 {
        assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
    }
    assert_eq!(issuer.asked.load(SeqCst), 1);
    watch.pass(299);
    assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
    assert_eq!(issuer.asked.load(SeqCst), 1);
    watch.pass(1);
    assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
    asked(&issuer, 2).await;
}

#[tokio::test]
async fn a_key_that_is_rotated_in_is_found_at_once_and_one_rotated_out_is_not() {
    let (old, new) = (Pair::new(Theirs::EdDSA, "old"), Pair::new(Theirs::ES256, "new"));
    let (issuer, watch) = (Issuer::publishing(&[&old]), Watch::default());
    let keys = keys(&issuer, &watch);
    assert!(keys.key(Some("old"), Algorithm::EdDsa).await.is_ok());
    issuer.publish(&[&new]);
    watch.pass(10);
    assert!(keys.key(Some("new"), Algorithm::Es256).await.is_ok());
    assert_eq!(keys.key(Some("old"), Algorithm::EdDsa).await.unwrap_err(), Error::UnknownKey);
    assert_eq!(keys.counts(), [2, 0]);
}

#[tokio::test]
async fn made_up_identifiers_do_not_make_us_ask_more_often() {
    let pair = Pair::new(Theirs::EdDSA, "a");
    let (issuer, watch) = (Issuer::publishing(&[&pair]), Watch::default());
    let keys = keys(&issuer, &watch);
    for number in 0..100 {
        let id = format!("../../{number}' OR 1=1");
        assert_eq!(keys.key(Some(&id), Algorithm::EdDsa).await.unwrap_err(), Error::UnknownKey);
    }
    assert_eq!(issuer.asked.load(SeqCst), 1);
    watch.pass(10);
    assert!(keys.key(Some("b"), Algorithm::EdDsa).await.is_err());
    assert_eq!(issuer.asked.load(SeqCst), 2);
    // The identifier of one key with the algorithm of another is of no key.
    assert_eq!(keys.key(Some("a"), Algorithm::Rs256).await.unwrap_err(), Error::UnknownKey);
}

#[tokio::test]
async fn old_keys_serve_on_for_a_bounded_time_while_the_issuer_is_down() {
    let pair = Pair::new(Theirs::EdDSA, "a");
    let (issuer, watch) = (Issuer::publishing(&[&pair]), Watch::default());
    let keys = keys(&issuer, &watch);
    assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
    issuer.go_down();
    watch.pass(3599);
    assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
    watch.pass(11);
    assert_eq!(keys.key(Some("a"), Algorithm::EdDsa).await.unwrap_err(), Error::NoKeys);
    issuer.publish(&[&pair]);
    watch.pass(10);
    assert!(keys.key(Some("a"), Algorithm::EdDsa).await.is_ok());
}

#[tokio::test]
async fn without_an_identifier_there_must_be_one_key_of_the_algorithm() {
    let (one, two) = (Pair::new(Theirs::EdDSA, "1"), Pair::new(Theirs::EdDSA, "2"));
    let other = Pair::new(Theirs::ES256, "3");
    let keys = keys(&Issuer::publishing(&[&one, &two, &other]), &Watch::default());
    assert_eq!(keys.key(None, Algorithm::EdDsa).await.unwrap_err(), Error::UnknownKey);
    assert!(keys.key(None, Algorithm::Es256).await.is_ok());
}

#[tokio::test]
async fn those_who_ask_at_the_same_time_make_one_attempt() {
    let pair = Pair::new(Theirs::EdDSA, "a");
    let issuer = Issuer::publishing(&[&pair]);
    let keys = keys(&issuer, &Watch::default());
    let all = (0..50).map(|_| keys.key(Some("a"), Algorithm::EdDsa));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(issuer.asked.load(SeqCst), 1);
}
