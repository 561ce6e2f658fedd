//! One statement for both databases.
//!
//! Its text is made of constants only, so that nothing a user sends can become part of it; values are arguments, `$1` and
//! so on. sqlx's own builder writes `?` for the `Any` driver, which PostgreSQL does not read.

use super::row::Row;
use sqlx::any::{Any, AnyArguments};
use sqlx::{Arguments, AssertSqlSafe, Executor};
use std::borrow::Cow;

/// A statement and its arguments.
pub(super) struct Statement {
    text: Cow<'static, str>,
    arguments: AnyArguments,
    refused: Option<sqlx::error::BoxDynError>,
}

/// A statement of this text. Its arguments follow by [`Statement::bind`].
pub(super) fn sql(text: &'static str) -> Statement {
    Statement { text: Cow::Borrowed(text), arguments: AnyArguments::default(), refused: None }
}

/// What an argument may be. A NULL keeps its type, which PostgreSQL asks for.
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($kind:ident: $($from:ty),+;)+) => {
        $($(
            impl From<$from> for Value {
                fn from(value: $from) -> Self {
                    Self::$kind(Some(value.into()))
                }
            }

            impl From<Option<$from>> for Value {
                fn from(value: Option<$from>) -> Self {
                    Self::$kind(value.map(Into::into))
                }
            }
        )+)+
    };
}

values! {
    Text: &str, String, &String;
    Integer: i64;
    Boolean: bool;
    Bytes: &[u8], Vec<u8>;
}

impl Statement {
    /// The next argument.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.add(value.into());
        self
    }

    /// More of the text.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// The next argument, named here.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.add(value.into());
        let number = self.arguments.len();
        self.text.to_mut().push_str(&format!("${number}"));
        self
    }

    /// ` IN (...)` of these arguments, of which there is one at least.
    pub(super) fn push_in<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        self.push(" IN (");
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.push_bind(value);
        }
        self.push(")")
    }

    fn add(&mut self, value: Value) {
        let added = match value {
            // PostgreSQL has no text with U+0000 in it; so that both hold the same, SQLite is given none either.
            Value::Text(Some(text)) if text.contains('\0') => {
                self.arguments.add(text.replace('\0', "\u{fffd}"))
            }
            Value::Text(text) => self.arguments.add(text),
            Value::Integer(number) => self.arguments.add(number),
            Value::Boolean(truth) => self.arguments.add(truth),
            Value::Bytes(bytes) => self.arguments.add(bytes),
        };
        if let Err(error) = added {
            self.refused = Some(error);
        }
    }

    /// Executes it. How many rows it changed.
    pub(super) async fn execute<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<u64, sqlx::Error> {
        Ok(self.query()?.execute(on).await?.rows_affected())
    }

    /// Its rows.
    pub(super) async fn fetch_all<'c>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        self.query()?.fetch_all(on).await
    }

    /// Its only row.
    pub(super) async fn fetch_one<'c>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Row, sqlx::Error> {
        self.query()?.fetch_one(on).await
    }

    /// Its only row, if there is one.
    pub(super) async fn fetch_optional<'c>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Option<Row>, sqlx::Error> {
        self.query()?.fetch_optional(on).await
    }

    fn query(self) -> Result<sqlx::query::Query<'static, Any, AnyArguments>, sqlx::Error> {
        match self.refused {
            Some(error) => Err(sqlx::Error::Encode(error)),
            None => Ok(match self.text {
                Cow::Borrowed(text) => sqlx::query_with(text, self.arguments),
                // Only constants were put together.
                Cow::Owned(text) => sqlx::query_with(AssertSqlSafe(text), self.arguments),
            }),
        }
    }
}
