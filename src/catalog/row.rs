//! Columns to types: what the database holds is checked, never trusted.

use super::{Error, Status};
use crate::clock::{Clock, SystemClock};
use crate::media::{Codec, Kind};
use crate::time::{Ticks, WallTime};
use serde_json::Value;
use sqlx::Row as _;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

/// A row of either database.
pub(super) type Row = sqlx::any::AnyRow;
/// A connection to either database.
pub(super) type Connection = sqlx::AnyConnection;
/// A transaction that writes ([`super::Catalog::begin`]).
pub(super) type Transaction = sqlx::Transaction<'static, sqlx::Any>;

pub(super) fn parsed<T: FromStr>(row: &Row, column: &'static str) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| corrupt(column, text))
}

pub(super) fn wall(row: &Row, column: &'static str) -> Result<WallTime, Error> {
    Ok(WallTime(row.try_get(column)?))
}

pub(super) fn wall_option(row: &Row, column: &'static str) -> Result<Option<WallTime>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(WallTime))
}

pub(super) fn ticks(row: &Row, column: &'static str) -> Result<Ticks, Error> {
    Ok(Ticks(row.try_get(column)?))
}

/// An integer in the range of `T`.
pub(super) fn integer<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, Error> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| corrupt(column, value))
}

/// SQLite has no booleans: it tells them as numbers.
pub(super) fn boolean(row: &Row, column: &'static str) -> Result<bool, Error> {
    match row.try_get::<bool, _>(column) {
        Ok(truth) => Ok(truth),
        Err(_) => Ok(row.try_get::<i64, _>(column)? != 0),
    }
}

pub(super) fn range(row: &Row, offset: &'static str, length: &'static str) -> Result<Range<u64>, Error> {
    let start: u64 = integer(row, offset)?;
    let length: u64 = integer(row, length)?;
    Ok(start..start.saturating_add(length))
}

pub(super) fn json(row: &Row, column: &'static str) -> Result<Value, Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|_| corrupt(column, text))
}

pub(super) fn status(row: &Row, column: &'static str) -> Result<Status, Error> {
    let name: String = row.try_get(column)?;
    Status::from_name(&name).ok_or_else(|| corrupt(column, name))
}

pub(super) fn codec(row: &Row, column: &'static str) -> Result<Codec, Error> {
    let name: String = row.try_get(column)?;
    Codec::from_mime(&name).ok_or_else(|| corrupt(column, name))
}

pub(super) fn kind(row: &Row, column: &'static str) -> Result<Kind, Error> {
    let name: String = row.try_get(column)?;
    match name.as_str() {
        "audio" => Ok(Kind::Audio),
        "video" => Ok(Kind::Video),
        _ => Err(corrupt(column, name)),
    }
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    }
}

/// Sizes and counts go into the signed columns; none comes near 2^63.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// For `created_at` and `updated_at`.
pub(super) fn now() -> i64 {
    SystemClock.wall().0
}

pub(super) fn corrupt(column: &'static str, value: impl Display) -> Error {
    Error::Corrupt { column, value: value.to_string() }
}
