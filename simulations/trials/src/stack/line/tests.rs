use schema_embedded::testing::TestServer;
use schema_pg::{Db, DbError, PoolConfig, is_commit_unknown};

use super::*;
use crate::stack::questions::{answer, ask, until};

/// A line to a server that answers `yes` to every `?`, and counts them.
fn line() -> (Line, Arc<AtomicU64>, tempfile::TempDir) {
    let room = tempfile::tempdir().unwrap();
    let server = room.path().join("server");
    let front = room.path().join("front");
    std::fs::create_dir(&server).unwrap();
    std::fs::create_dir(&front).unwrap();
    let listener = UnixListener::bind(server.join(SOCKET)).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move { answer(stream, &counted).await });
        }
    });
    (Line::start(&front, &server).unwrap(), asked, room)
}

async fn call(line: &Line) -> UnixStream {
    UnixStream::connect(line.directory().join(SOCKET)).await.unwrap()
}

#[tokio::test]
async fn a_line_without_trouble_passes_everything_on() {
    let (line, asked, _room) = line();
    let mut stream = call(&line).await;
    ask(&mut stream).await.unwrap();
    ask(&mut stream).await.unwrap();
    assert_eq!(asked.load(Relaxed), 2);
}

#[tokio::test]
async fn an_answer_that_is_swallowed_was_given_and_the_connection_stays_silent() {
    let (line, asked, _room) = line();
    let mut stream = call(&line).await;
    ask(&mut stream).await.unwrap();
    line.set(Some(Trouble::Mute));
    stream.write_all(b"?").await.unwrap();
    until("the answer is swallowed", || line.counts().silenced.load(Relaxed) == 1).await;
    assert_eq!(asked.load(Relaxed), 2);
    line.set(None);
    stream.write_all(b"?").await.unwrap();
    until("it is heard", || asked.load(Relaxed) == 3).await;
    assert_eq!(stream.try_read(&mut [0; 3]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    ask(&mut call(&line).await).await.unwrap();
}

#[tokio::test]
async fn what_is_said_to_the_deaf_is_lost_for_good() {
    let (line, asked, _room) = line();
    let mut stream = call(&line).await;
    line.set(Some(Trouble::Deaf));
    stream.write_all(b"?").await.unwrap();
    until("it is swallowed", || line.counts().silenced.load(Relaxed) == 1).await;
    line.set(None);
    stream.write_all(b"?").await.unwrap();
    ask(&mut call(&line).await).await.unwrap();
    assert_eq!(asked.load(Relaxed), 1);
}

#[tokio::test]
async fn a_cut_line_closes_what_is_open_and_refuses_what_comes() {
    let (line, asked, _room) = line();
    let mut open = call(&line).await;
    ask(&mut open).await.unwrap();
    line.set(Some(Trouble::Cut));
    until("the open connection is cut", || line.counts().cut.load(Relaxed) == 1).await;
    assert!(ask(&mut open).await.is_err());
    assert!(ask(&mut call(&line).await).await.is_err());
    assert_eq!(asked.load(Relaxed), 1);
    line.set(None);
    ask(&mut call(&line).await).await.unwrap();
}

/// Also without an error from anywhere: the socket is open, and nothing comes.
#[tokio::test]
async fn a_commit_whose_answer_is_swallowed_is_unknown_and_the_pool_lives_on() {
    let server = TestServer::start().unwrap();
    let room = tempfile::tempdir().unwrap();
    let line = Line::start(room.path(), server.socket_directory()).unwrap();
    let url = schema_embedded::url(line.directory(), "postgres");
    let db = Db::connect(&PoolConfig::new(url, "test")).await.unwrap();
    let is_muted = line.clone();
    let written: Result<(), DbError> = db
        .transaction(move |connection| {
            Box::pin(async move {
                sqlx::query("create table written ()").execute(connection).await?;
                is_muted.set(Some(Trouble::Mute));
                Ok(())
            })
        })
        .await;
    assert!(is_commit_unknown(&written.unwrap_err()));
    line.set(None);
    let is_there: Result<bool, DbError> = db
        .read(|connection| {
            Box::pin(async move {
                let ask = sqlx::query_scalar("select to_regclass('written') is not null");
                ask.fetch_one(connection).await
            })
        })
        .await;
    assert!(is_there.unwrap(), "it was committed");
}
