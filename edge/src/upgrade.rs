//! What is left of a connection when it is no HTTP any more: its socket, without what HTTP had around it.

use std::io;

use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;

use crate::patience::Patient;
use crate::socket::Socket;

/// The socket of a connection that [`serve`](crate::serve()) serves, once the answer of its upgrade is written. From then on
/// the runtime that awaits this is told what the socket is ready for, and the one of its listener has nothing to do with it.
pub async fn upgraded(upgrade: OnUpgrade) -> io::Result<Socket> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let Parts { io, read_buf, .. } = upgraded
        .downcast::<TokioIo<Patient<Socket>>>()
        .map_err(|_| io::Error::other("a connection that another server accepted"))?;
    io.into_inner().into_inner().settled(&read_buf)
}
