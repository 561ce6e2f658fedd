//! Answers that are as long as what they tell: rows in lines, read and sent page by page.

use super::error::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, TryStreamExt, stream};

/// Lines that are sent at one time.
const LINES: usize = 256;
pub(super) const JSON_LINES: &str = "application/x-ndjson";
pub(super) const CSV: &str = "text/csv; charset=utf-8";

/// In which form rows are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A page as one document.
    Json,
    /// All of them as JSON Lines.
    Lines,
    /// All of them as CSV.
    Csv,
}

impl Format {
    /// As the argument `format` says, or else the header `Accept` (RFC 9110 12.5.1): of the types that there are the one
    /// that is liked best, JSON when it names none of them.
    pub(super) fn asked(argument: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        match argument {
            "" => Ok(Self::accepted(headers)),
            "json" => Ok(Self::Json),
            "jsonl" => Ok(Self::Lines),
            "csv" => Ok(Self::Csv),
            _ => Err(Problem::field("format", "must be json, jsonl or csv")),
        }
    }

    fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut best = (0.0, Self::Json);
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "text/csv" => Self::Csv,
                "application/jsonl" | "application/x-ndjson" | "application/ndjson" => Self::Lines,
                "application/json" | "application/*" | "*/*" => Self::Json,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            let weight: f64 = weight.unwrap_or(0.0);
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    /// Its media type.
    fn kind(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Lines => JSON_LINES,
            Self::Csv => CSV,
        }
    }

    /// What names of its files end with.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Lines => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// Lines as a file of this name, to which the extension is added.
    pub(super) fn file<E>(
        self,
        lines: impl Stream<Item = Result<String, E>> + Send + 'static,
        name: &str,
    ) -> Response
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        respond(lines, self.kind(), &format!("{name}.{}", self.extension()))
    }
}

/// Rows of pages, each read when the one before it was taken. A page comes with where the next one begins.
pub(super) fn pages<R, C, E, F>(
    read: impl Fn(Option<C>) -> F + Send + 'static,
) -> impl Stream<Item = Result<R, E>> + Send + 'static
where
    R: Send + 'static,
    C: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<(Vec<R>, Option<C>), E>> + Send + 'static,
{
    enum Next<C> {
        First,
        After(C),
        Nothing,
    }
    let pages = stream::unfold(Next::First, move |next| {
        let page = match next {
            Next::First => Some(read(None)),
            Next::After(cursor) => Some(read(Some(cursor))),
            Next::Nothing => None,
        };
        async move {
            match page?.await {
                Ok((rows, next)) => Some((Ok(rows), next.map_or(Next::Nothing, Next::After))),
                Err(error) => Some((Err(error), Next::Nothing)),
            }
        }
    });
    pages.map_ok(|rows| stream::iter(rows.into_iter().map(Ok::<_, E>))).try_flatten()
}

/// Lines as a file.
pub(super) fn respond<E>(
    lines: impl Stream<Item = Result<String, E>> + Send + 'static,
    kind: &'static str,
    name: &str,
) -> Response
where
    E: std::error::Error + Send + Sync + 'static,
{
    // A client sees only that it ends too soon.
    let told = lines.inspect_err(|error| tracing::warn!(%error, "an export broke off"));
    let parts = told.try_ready_chunks(LINES).map_ok(|lines| lines.concat()).map_err(|error| error.1);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Body::from_stream(parts)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[test]
    fn the_form_is_chosen_by_argument_and_then_by_header() {
        let of = |argument: &str, accept: &str| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            Format::asked(argument, &headers)
        };
        for (accept, wanted) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("text/html, */*;q=0.8", Format::Json),
            ("text/csv", Format::Csv),
            ("Text/CSV; q=0.5", Format::Csv),
            ("application/json, text/csv;q=0.9", Format::Json),
            ("application/json;q=0.1, text/csv;q=0.9", Format::Csv),
            ("application/jsonl", Format::Lines),
            ("application/x-ndjson, text/csv", Format::Lines),
            ("text/csv;q=0", Format::Json),
            ("text/csv;q=x", Format::Json),
        ] {
            assert_eq!(of("", accept).unwrap(), wanted, "{accept}");
        }
        assert_eq!(of("csv", "application/json").unwrap(), Format::Csv);
        assert_eq!(of("json", "text/csv").unwrap(), Format::Json);
        assert!(of("xml", "").is_err());
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_nothing_follows_a_mistake() {
        let read = |broken: bool| {
            pages(move |after: Option<u32>| async move {
                let first = after.unwrap_or(0);
                if broken && first == 2 {
                    return Err("broken");
                }
                Ok((vec![first, first + 1], (first < 4).then_some(first + 2)))
            })
        };
        let all: Vec<Result<u32, &str>> = read(false).collect().await;
        assert_eq!(all, (0..6).map(Ok).collect::<Vec<_>>());
        let some: Vec<Result<u32, &str>> = read(true).collect().await;
        assert_eq!(some, [Ok(0), Ok(1), Err("broken")]);
    }
}
