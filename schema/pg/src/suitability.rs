//! The start-up check: whether this database can hold what is written, and has a place for the tables.

use sqlx::Row;

use crate::Db;

/// Why the database is refused.
#[derive(Debug, thiserror::Error)]
pub enum UnsuitableError {
    /// Text is not kept as it came, or not checked.
    #[error(
        "the database has the encoding {0}, in which not every text can be kept: create it with encoding UTF8 (createdb \
         --encoding=UTF8 --template=template0)"
    )]
    Encoding(String),
    /// Tables have no place.
    #[error(
        "the login's search_path ({0}) leads to no schema that is there: create the schema, or alter role … set search_path"
    )]
    NoSchema(String),
    /// It could not be asked.
    #[error("the database's encoding and search_path could not be read")]
    Unreadable(#[from] sqlx::Error),
}

/// Refuses encodings other than UTF8, and a login whose `search_path` leads nowhere.
pub async fn check_suitability(db: &Db) -> Result<(), UnsuitableError> {
    let row = db
        .read(|connection| {
            Box::pin(async move {
                let asked = "select current_setting('server_encoding'), current_schema()::text,
                                    current_setting('search_path')";
                sqlx::query(asked).fetch_one(connection).await
            })
        })
        .await?;
    let (encoding, schema): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    if encoding != "UTF8" {
        return Err(UnsuitableError::Encoding(encoding));
    }
    if schema.is_none() {
        return Err(UnsuitableError::NoSchema(row.try_get(2)?));
    }
    Ok(())
}
