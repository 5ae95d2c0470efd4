//! One keep-alive connection: a request goes out, an answer comes back.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::{self, Answer, Parsed};

/// Room for an answer at first; grows for longer ones.
const BUFFER: usize = 4 * 1024;

pub(super) struct Connection {
    stream: TcpStream,
    incoming: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(target: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, incoming: vec![0; BUFFER] })
    }

    /// After an error, or after an answer that `closes`, the connection is of no more use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            if filled == self.incoming.len() {
                self.incoming.resize(filled * 2, 0);
            }
            match self.stream.read(&mut self.incoming[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
            match wire::parse(&self.incoming[..filled]) {
                Parsed::Incomplete => {}
                // Requests are not pipelined, so nothing may follow the answer.
                Parsed::Complete(answer, length) if length == filled => return Ok(answer),
                Parsed::Complete(..) | Parsed::Broken => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
    }
}
