//! `GET /api/v1/audit/export`

use super::super::App;
use super::super::error::Problem;
use super::super::export::{CSV, JSON_LINES, pages, respond};
use super::super::extract::{Arguments, Bearer};
use super::super::openapi::problems::{BadRequest, Refused};
use super::query::{Which, filter};
use crate::audit::{CSV_HEADER, Record, csv, records};
use crate::auth::Action;
use crate::catalog::{AuditFilter, AuditRow, Catalog};
use axum::extract::State;
use axum::response::Response;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Rows that are read at one time.
const PAGE: u32 = 1000;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Format {
    /// `jsonl` unless it is said.
    #[param(required = false, pattern = "^(jsonl|csv)?$")]
    format: String,
}

/// The audit as a file: without a filter everything, as it verifies offline; with one, what it finds.
///
/// What a filter finds comes with the newest first.
#[utoipa::path(
    get, path = "/export", operation_id = "exportAudit", tag = "Audit", params(Format, Which),
    responses(
        (status = 200, description = "JSON Lines or CSV.",
            content((String = "application/x-ndjson"), (String = "text/csv"))),
        Refused<BadRequest>,
    ),
)]
pub(in crate::http) async fn export(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(Format { format }): Arguments<Format>,
    Arguments(which): Arguments<Which>,
) -> Result<Response, Problem> {
    bearer.permitted(Action::Audit)?;
    let filter = filter(&which)?;
    match format.as_str() {
        "" | "jsonl" if filter == AuditFilter::default() => {
            // After a mistake nothing follows.
            let first = Some(records(&app.catalog).await?);
            let all = stream::unfold(first, |records| async move {
                let mut records = records?;
                match records.next().await {
                    Ok(record) => Some((Ok(json_line(&record?)), Some(records))),
                    Err(error) => Some((Err(error), None)),
                }
            });
            Ok(respond(all, JSON_LINES, "audit.jsonl"))
        }
        "" | "jsonl" => {
            let first = Record::Export { version: 1, complete: false };
            let rows = rows(app.catalog, filter).map_ok(|row| json_line(&Record::Row(Box::new(row))));
            let all = stream::iter([Ok(json_line(&first))]).chain(rows);
            Ok(respond(all, JSON_LINES, "audit.jsonl"))
        }
        "csv" => {
            let rows = rows(app.catalog, filter).map_ok(|row| csv(&row));
            let all = stream::iter([Ok(CSV_HEADER.to_owned())]).chain(rows);
            Ok(respond(all, CSV, "audit.csv"))
        }
        _ => Err(Problem::field("format", "must be jsonl or csv")),
    }
}

fn json_line(record: &Record) -> String {
    let mut line = record.line();
    line.push('\n');
    line
}

/// Rows that match, page by page.
fn rows(
    catalog: Catalog,
    filter: AuditFilter,
) -> impl Stream<Item = Result<AuditRow, crate::audit::Error>> + Send {
    let filter = Arc::new(filter);
    pages(move |cursor| {
        let (catalog, filter) = (catalog.clone(), Arc::clone(&filter));
        async move {
            let page = catalog.audit_page(&filter, cursor, PAGE).await?;
            Ok((page.rows, page.next))
        }
    })
}
